"""Which request is spoilt: names, shares, counts, and what clings to an order."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sandbox.faults import misdeeds
from sandbox.faults.atlas import KINDS, Atlas
from sandbox.faults.catalogue import CATALOGUE, GROUPS, UnknownFault, explained, known, named, plan_for
from sandbox.faults.exchange import Reply, Request
from sandbox.faults.plan import Plan, Rule


def asks(kind: str = "order", subject: str = "") -> Request:
    return Request(kind, "POST", "/x", {}, b"", subject)


def rule(**more: object) -> Rule:
    return Rule("r", misdeeds.bad_nonce, frozenset({"order"}), **more)


def struck(plan: Plan, count: int, request: Request | None = None) -> int:
    return sum(plan.rule_for(request or asks()) is not None for _ in range(count))


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(UnknownFault, match=r"'nonesuch' is not known.*badnonce.*sameorder.*all"):
        named("badnonce,nonesuch")


def test_names_may_be_written_with_blanks_and_capitals_and_come_in_the_order_of_the_catalogue():
    assert named(" Slow ,badnonce,, slow") == ["badnonce", "slow"]
    assert named("") == []


def test_all_leaves_out_what_no_demo_lives_to_see_the_end_of():
    assert set(CATALOGUE) - set(named("all")) == {"429-absent"}
    assert named("429") == ["429-seconds", "429-date", "429-absent"]


def test_everything_that_may_be_asked_for_is_explained():
    assert all(name in explained() and name in known() for name in (*CATALOGUE, *GROUPS))


def test_every_rule_of_the_catalogue_names_kinds_that_exist():
    for fault in CATALOGUE.values():
        for each in fault.rules:
            assert each.kinds <= KINDS, fault.name
            assert each.begins <= each.kinds, fault.name


def test_a_rule_strikes_so_often_and_not_sooner():
    plan = Plan([rule(times=2, after=3)])
    assert [plan.rule_for(asks()) is not None for _ in range(7)] == [False] * 3 + [True] * 2 + [False] * 2
    assert plan.count("r") == 2
    assert struck(plan, 5, asks("finalize")) == 0


def test_a_share_is_kept_and_the_same_seed_gives_the_same_run():
    plans = [Plan([rule(share=0.2, times=None)], seed) for seed in (7, 7, 8)]
    runs = [[plan.rule_for(asks()) is not None for _ in range(1000)] for plan in plans]
    assert runs[0] == runs[1] != runs[2]
    assert 150 < sum(runs[0]) < 250


def test_a_clinging_rule_stays_with_the_order_it_took_and_leaves_the_others_alone():
    plan = Plan([rule(clings=True, times=1, each=3)])
    assert struck(plan, 2, asks(subject="/one")) == 2
    assert struck(plan, 2, asks(subject="/two")) == 0
    assert struck(plan, 5, asks(subject="/one")) == 1
    assert struck(plan, 5, asks()) == 0, "about no order"


def test_a_clinging_rule_takes_hold_only_where_it_begins():
    both = frozenset({"order", "challenge"})
    plan = Plan([replace(rule(clings=True, begins=frozenset({"challenge"})), kinds=both)])
    assert struck(plan, 2, asks("order", "/one")) == 0
    assert struck(plan, 1, asks("challenge", "/one")) == 1
    assert struck(plan, 1, asks("order", "/one")) == 1


def test_the_plan_of_several_names_holds_all_their_rules():
    assert [each.name for each in plan_for(["badnonce", "slow"], 1).rules] == ["badnonce", "slow"]


def test_what_a_url_is_for_is_learnt_from_the_answers():
    atlas = Atlas("/dir")
    here = "https://ca.example"

    def passes(method: str, path: str, document: str, location: str = "") -> str:
        request = atlas.read(method, path, {}, b"")
        atlas.learn(request, Reply(200, {"location": location}, document.encode()))
        return request.kind

    assert (
        passes("GET", "/dir", f'{{"newOrder": "{here}/new", "renewalInfo": "{here}/ari", "meta": {{}}}}')
        == "directory"
    )
    order = f'{{"finalize": "{here}/f", "identifiers": [], "authorizations": ["{here}/a"], "certificate": "{here}/c"}}'
    assert passes("POST", "/new", order, f"{here}/o") == "newOrder"
    assert (
        passes("POST", "/a", f'{{"challenges": [{{"url": "{here}/ch"}}, {{"no": "url"}}]}}')
        == "authorization"
    )
    kinds = [atlas.read("POST", path, {}, b"").kind for path in ("/o", "/f", "/c", "/ch", "/ari/x", "/else")]
    assert kinds == ["order", "finalize", "certificate", "challenge", "renewalInfo", "other"]
    assert {atlas.read("POST", path, {}, b"").subject for path in ("/o", "/f", "/c", "/ch", "/a")} == {"/o"}
