"""The logs of the local services stay small, and what is written after a rotation is kept."""

from observatory.local.log_rotation import rotate


def test_a_large_log_is_copied_and_truncated_while_it_is_written(tmp_path):
    path = tmp_path / "scheduler.log"
    with path.open("ab", buffering=0) as log:
        log.write(b"a" * 11)
        rotate(tmp_path, limit_bytes=10)
        log.write(b"later")
        assert path.read_bytes() == b"later"
        assert (tmp_path / "scheduler.log.1").read_bytes() == b"a" * 11
        rotate(tmp_path, limit_bytes=10)
        assert path.read_bytes() == b"later"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["scheduler.log", "scheduler.log.1"]
