"""What a pasted CSR says, and every way in which one can be wrong, harmful or not a CSR at all."""
