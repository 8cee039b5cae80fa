"""A mover's log is understood, whatever is in it."""

import json

from hypothesis import given
from hypothesis import strategies as st

from migration_ops.mover import parse_message, progress_text, read_messages, size_text

STATUS = {
    "message_type": "status",
    "percent_done": 0.42,
    "files_done": 120,
    "total_files": 300,
    "bytes_done": 1288490188,
    "total_bytes": 3221225472,
    "seconds_remaining": 35,
}


def test_lines_are_sorted_by_what_they_are():
    said = read_messages(
        [
            json.dumps({"message_type": "status", "percent_done": 0.1}),
            json.dumps({"message_type": "error", "item": "/a", "error": {"message": "permission denied"}}),
            "Traceback (most recent call last):",
            "",
            json.dumps(STATUS),
            json.dumps({"message_type": "summary", "snapshot_id": "x"}),
        ]
    )
    assert said.progress == STATUS
    assert said.problems == ["/a: permission denied"]
    assert said.summary == {"message_type": "summary", "snapshot_id": "x"}
    assert said.other == ["Traceback (most recent call last):"]


def test_progress_is_told_in_one_line():
    assert progress_text(STATUS) == "42 %, 120 of 300 files, 1.2 GiB of 3.0 GiB, 35 s left"
    assert progress_text({"message_type": "status"}) == "0 %"


def test_sizes_are_told_with_a_fitting_unit():
    assert [size_text(size) for size in (0, 1023, 1024, 5 * 2**40)] == ["0 B", "1023 B", "1.0 KiB", "5.0 TiB"]
    almost = (1023.7, 2**20 - 1, 2**30 - 1, 1023.94 * 1024)
    assert [size_text(size) for size in almost] == ["1.0 KiB", "1.0 MiB", "1.0 GiB", "1023.9 KiB"]


@given(st.text())
def test_no_line_is_mistaken_for_a_message(line):
    message = parse_message(line)
    assert message is None or isinstance(message["message_type"], str)
    read_messages([line])
