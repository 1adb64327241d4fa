"""Every rule has a test on either side of it, and the page that lists them is true."""

from conformance.listing import DOORS, PAGE, names_by_rule, page

RULES = [rule for rules in DOORS.values() for rule in rules]


def test_every_rule_lets_something_through_and_refuses_something():
    tests = names_by_rule()
    missing = [(rule.id, case) for rule in RULES for case in ("accepted", "refused") if (rule.id, case) not in tests]
    assert missing == []


def test_tests_name_rules_that_exist():
    assert {rule for rule, _ in names_by_rule()} <= {rule.id for rule in RULES}


def test_no_two_rules_share_an_id_and_each_has_a_source():
    ids = [rule.id for rule in RULES]
    assert len(set(ids)) == len(ids)
    assert [rule.id for rule in RULES if not rule.source.strip() or not rule.sentence.strip()] == []


def test_the_page_that_lists_the_rules_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == page(), "run: make conformance-list"
