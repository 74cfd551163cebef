"""What an operator has done at the CA: another key, contact, terms, the end; profiles that people can keep up with."""
