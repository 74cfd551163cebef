"""What the settings read from the environment."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured

from portal import env

URL = "postgres://shop:pass%20word@db.example:5433/portal"


def test_a_database_url_is_read_whole():
    settings = env.database(URL + "?sslmode=require")
    assert (settings["NAME"], settings["USER"], settings["PASSWORD"]) == ("portal", "shop", "pass word")
    assert (settings["HOST"], settings["PORT"]) == ("db.example", "5433")
    assert settings["OPTIONS"]["sslmode"] == "require"


def test_a_socket_is_named_as_a_host():
    settings = env.database("postgres:///portal?host=/run/postgresql")
    assert settings["HOST"] == "/run/postgresql"
    assert "host" not in settings["OPTIONS"]


def test_statements_are_prepared_unless_a_pooler_stands_between():
    assert env.database(URL)["OPTIONS"]["prepare_threshold"] == 2
    behind_a_pooler = env.database(URL + "?prepared=off")["OPTIONS"]
    assert not {"prepare_threshold", "server_side_binding", "prepared"} & behind_a_pooler.keys()


def test_a_database_that_we_do_not_speak_to_is_refused():
    with pytest.raises(ImproperlyConfigured, match="must begin with"):
        env.database("mysql://db.example/portal")
