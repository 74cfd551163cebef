"""Findings about a file on a web server."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from validation.problems.kinds import ERROR as _ERROR
from validation.problems.kinds import WAITING as _WAITING
from validation.problems.kinds import WARNING as _WARNING
from validation.problems.kinds import Problem

HTTP: dict[str, Problem] = {
    "http_no_address": Problem(
        _ERROR,
        _("%(name)s has no address in DNS."),
        _("Add an A record (and AAAA for IPv6) that points to your web server, or choose the DNS method."),
    ),
    "http_private_address": Problem(
        _ERROR,
        _("%(name)s points to %(seen)s, which cannot be reached from the Internet."),
        _("Point the name to the public address of your web server, or choose the DNS method."),
    ),
    "http_refused": Problem(
        _ERROR,
        _("%(address)s refuses connections on port 80."),
        _("Start the web server there and let it listen on port 80; the CA always begins on port 80, never on 443."),
    ),
    "http_timeout": Problem(
        _ERROR,
        _("%(address)s does not answer on port 80 in time."),
        _("Open port 80 in the firewall for everybody: CAs look from several countries and publish no list of addresses."),
    ),
    "http_closed": Problem(
        _ERROR,
        _("%(address)s closes the connection without an answer."),
        _("Check the web server and any firewall in front of it; plain HTTP on port 80 must be answered."),
    ),
    "http_no_http": Problem(
        _ERROR,
        _("What answers at %(address)s on port 80 does not speak HTTP."),
        _("Let a web server answer plain HTTP on port 80."),
    ),
    "http_no_route": Problem(
        _WARNING,
        _("We cannot reach %(address)s from here."),
        _("The CA may be able to. If the name has an AAAA record without a working server behind it, remove that record."),
    ),
    "http_tls_error": Problem(
        _ERROR,
        _("The redirect leads to HTTPS, and there the TLS handshake fails (%(detail)s)."),
        _("Serve /.well-known/acme-challenge/ over plain HTTP without a redirect, or repair HTTPS on that server."),
    ),
    "http_bad_url": Problem(
        _ERROR,
        _("%(name)s cannot be asked over HTTP."),
        _("Choose the DNS method for this name."),
    ),
    "http_status": Problem(
        _ERROR,
        _("The server answers %(status)s instead of 200."),
        _("Check that the file %(file_name)s is in the folder %(folder)s of the website, with no ending such as .txt. On IIS, allow files without an ending (a MIME type for “.”)."),
    ),
    "http_not_found": Problem(
        _WAITING,
        _("The file is not there yet: the server answers %(status)s."),
        _("Put the file %(file_name)s into the folder %(folder)s of the website that answers for %(name)s."),
    ),
    "http_forbidden": Problem(
        _ERROR,
        _("The server forbids access to the file (%(status)s)."),
        _("Allow everybody to read %(folder)s: no password, no blocked countries, no firewall page, and folders that begin with a dot permitted."),
    ),
    "http_txt_extension": Problem(
        _ERROR,
        _("The file was saved with the ending %(ending)s."),
        _("Rename it to %(file_name)s, without an ending. Windows hides known endings: switch on “File name extensions” in the Explorer."),
    ),
    "http_wrong_folder": Problem(
        _ERROR,
        _("The file is there, but in another folder: %(found_at)s."),
        _("Move it into %(folder)s. The folder .well-known begins with a dot."),
    ),
    "http_folder": Problem(
        _ERROR,
        _("There is a folder of this name, and the file is in it."),
        _("The file itself must be called %(file_name)s and lie in %(folder)s."),
    ),
    "http_server_error": Problem(
        _ERROR,
        _("The server answers with an error of its own (%(status)s)."),
        _("Look into the web server's error log. Best let it deliver the files in %(folder)s as they are, past any application."),
    ),
    "http_too_many": Problem(
        _ERROR,
        _("The server turns us away because of too many requests (%(status)s)."),
        _("Exempt %(folder)s from request limits: a CA asks from several places at once."),
    ),
    "http_wrong_body": Problem(
        _ERROR,
        _("There is a page at this address, but its content is not the expected one."),
        _("The file must contain exactly the line shown and nothing else."),
    ),
    "http_html": Problem(
        _ERROR,
        _("The server answers with a web page instead of the file."),
        _("Let the web server deliver %(folder)s as plain files, before any rule of the website's software."),
    ),
    "http_catch_all": Problem(
        _ERROR,
        _("The server answers every address in this folder with the same kind of page: the file is not there."),
        _("Put %(file_name)s into %(folder)s and let the web server deliver it as it is, before any rule of the website's software."),
    ),
    "http_login": Problem(
        _ERROR,
        _("The server asks for a sign-in instead of showing the file."),
        _("Exempt /.well-known/acme-challenge/ from the sign-in: a CA has no account with you."),
    ),
    "http_redirect_elsewhere": Problem(
        _ERROR,
        _("The server redirects to %(sent_to)s, where the file is not."),
        _("Keep the path when redirecting, or exempt /.well-known/acme-challenge/ from the redirect."),
    ),
    "http_html_around": Problem(
        _ERROR,
        _("The expected line is there, but inside a web page."),
        _("The file must contain exactly the line shown and nothing else: no HTML around it."),
    ),
    "http_trailing_data": Problem(
        _ERROR,
        _("The expected line is there, but with something more before or behind it."),
        _("The file must contain exactly the line shown and nothing else."),
    ),
    "http_whitespace": Problem(
        _ERROR,
        _("The content is right, but blanks or line breaks stand before it or in it."),
        _("The file must contain the line shown, in one piece, at its very beginning."),
    ),
    "http_quotes": Problem(
        _ERROR,
        _("The content is right, but quotation marks stand around it."),
        _("Remove the quotation marks from the file."),
    ),
    "http_case": Problem(
        _ERROR,
        _("The content is right, but capital and small letters were changed."),
        _("Copy the line shown into the file again."),
    ),
    "http_cut_off": Problem(
        _ERROR,
        _("The content is right, but its end is missing."),
        _("Copy the whole line shown into the file: it has two parts with a dot between them."),
    ),
    "http_token": Problem(
        _ERROR,
        _("The file contains its own name instead of its content."),
        _("Copy the line shown into the file: it begins with the name and goes on after a dot."),
    ),
    "http_other_account": Problem(
        _ERROR,
        _("The file answers for another account at the CA."),
        _("Another program (certbot, a hosting panel) answers here by itself. Let it leave %(file_name)s alone, and put the line shown there."),
    ),
    "http_utf16": Problem(
        _ERROR,
        _("The content is right, but saved as Unicode (UTF-16)."),
        _("Save the file again as ANSI or as UTF-8 without BOM. In PowerShell: Set-Content -Encoding ascii -NoNewline."),
    ),
    "http_dns_value": Problem(
        _ERROR,
        _("The file contains the value meant for the DNS record."),
        _("Put the line shown for the HTTP file into it instead."),
    ),
    "http_bom": Problem(
        _ERROR,
        _("The content is right, but invisible characters (a byte order mark) stand before it."),
        _("Save the file again as ANSI or as UTF-8 without BOM."),
    ),
    "http_echo": Problem(
        _ERROR,
        _("The server answers with a page that repeats the address: it would do so for any address."),
        _("The file itself is not there. Put %(file_name)s into %(folder)s and let the web server deliver it as it is."),
    ),
    "http_redirect_loop": Problem(
        _ERROR,
        _("The redirects lead in a circle, or there are more than 10."),
        _("Exempt /.well-known/acme-challenge/ from redirects."),
    ),
    "http_bad_redirect": Problem(
        _ERROR,
        _("The server redirects in a way that no CA follows (%(status)s to %(detail)s)."),
        _("Only 301, 302, 307 and 308 to a domain name on port 80 or 443 are followed. Best exempt /.well-known/acme-challenge/ from redirects."),
    ),
    "http_too_large": Problem(
        _ERROR,
        _("The page at this address is much longer than the expected line."),
        _("The file must contain exactly the line shown and nothing else; perhaps the website answers with one of its own pages."),
    ),
    "http_ipv6": Problem(
        _ERROR,
        _("The file is right over IPv4, but the IPv6 address %(address)s does not answer."),
        _("CAs try IPv6 first. Let the web server listen there too, or remove the AAAA record from DNS."),
    ),
    "http_address_down": Problem(
        _ERROR,
        _("One of the addresses of %(name)s, %(address)s, does not work."),
        _("There: %(there)s The CA may look at any of the addresses, and tries IPv6 first. Repair it, or remove that address from DNS."),
    ),
    "http_answers_all": Problem(
        _WARNING,
        _("The web server answers any address in %(folder)s with a page of its own."),
        _("That may hide the file. Let it deliver this folder as plain files, before any rule of the website's software."),
    ),
    "http_some_addresses": Problem(
        _ERROR,
        _("The file is right at some addresses of %(name)s, but not at %(address)s."),
        _("The CA may look at any of them. There: %(there)s If that address is an old one, remove it from DNS."),
    ),
}  # fmt: skip
