"""The first version of the agreement that a new installation offers. An operator publishes the next one in the admin."""

from __future__ import annotations


def unwrapped(text: str) -> str:
    """Return the text with each section as a heading line and one long line, for pages of any width."""
    sections = (section.split("\n") for section in text.strip().split("\n\n"))
    return "\n\n".join(f"{lines[0]}\n{' '.join(lines[1:])}" for lines in sections)


# Stored as data, in one language: what was accepted must stay readable word for word.
AGREEMENT_1 = unwrapped("""\
1. What you buy
You buy a plan: for its term you may have certificates issued for the names in your order, as often as that is needed.
A single certificate is valid for a shorter time than the plan, because the rules of the public CAs limit it.
We tell you before each one ends. The certificates are issued by a certificate authority (CA), not by us.

2. Correct data
You give only data that is true, complete and yours to give, and you tell us when it changes. You order certificates
only for names that you own or may act for. You check a certificate when you receive it and do not use it if
something in it is wrong.

3. The private key
The private key belongs to you. If you paste your own CSR, we never see the key. If you let us make the key,
we keep it encrypted, hand it to nobody but you, use it for nothing else, and delete it when you ask us to.
You keep the key secret, protect every copy and the passwords to them, and install the certificate only on
servers that answer to the names in it.

4. Revocation
You have a certificate revoked at once, and stop using it, when its key is lost, copied or seen by somebody else,
when you no longer control one of its names, or when something in it is no longer true. You can do that in your
account at any time. The CA revokes a certificate by itself where its rules demand it, sometimes within 24 hours;
neither the CA nor we can put that off. In that case you may have the certificate issued anew within your plan.

5. Honest use
You do not use certificates for fraud, for malicious software, to pass yourself off as somebody else, or to listen to
other people's traffic.

6. The CA's terms
The subscriber agreement and the policies of the CA that issues your certificate apply as well. Where they are
stricter than this text, they prevail. They are linked from the set-up of your plan.

7. Price and payment
The price is shown before you order and holds for the whole term. It is paid in advance. We start work when the
payment has arrived.

8. Refund
As long as no certificate has been issued, you may step back within 30 days of payment and get the full
amount back, without giving a reason. After a certificate has been issued, we refund only where we could not provide
what you paid for. Money goes back the way it came. Rights that the law gives you as a consumer stay untouched.

9. Limits
We do our work with care, but we answer neither for decisions of the CA nor for what happens on your own servers.
Unless we acted with intent or gross negligence, our liability ends at the price of the plan.

10. Data
We use your data to carry out this order, to keep the records that the law and the CA's rules require, and to write to you
about your certificates. Names in publicly trusted certificates are published in Certificate Transparency logs for ever.
""")
