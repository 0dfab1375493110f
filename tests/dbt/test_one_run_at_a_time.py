"""A dbt run waits for another of the same warehouse, wherever that was started, and says what it waits for."""

import threading

import sqlalchemy as sa

from observatory.warehouse.dbt_turn import dbt_turn


def test_a_second_run_waits_and_names_the_run_it_waits_for(warehouse):
    url = sa.make_url(warehouse.url("transformer"))
    said, order, is_waiting = [], [], threading.Event()

    def say(line):
        said.append(line)
        is_waiting.set()

    def second():
        with dbt_turn(url, "by hand", say):
            order.append("second")

    other = threading.Thread(target=second)
    with dbt_turn(url, "demo", order.append):
        other.start()
        assert is_waiting.wait(timeout=30)
        order.append("first")
    other.join(timeout=30)
    assert order == ["first", "second"]
    (line,) = said
    assert line.startswith("Waiting for dbt demo on ")
    assert line.endswith("one dbt run at a time")


def test_a_run_whose_process_died_does_not_block_others(warehouse):
    url = sa.make_url(warehouse.url("transformer"))
    said = []
    with dbt_turn(url, "demo", said.append):
        warehouse.rows(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where application_name like 'dbt demo%%' and datname = current_database() and %s",
            True,
        )
        with dbt_turn(url, "another", said.append):
            pass
