"""The vault program is called as its reference says."""

from migration_ops.mover import backup_command, restore_command, verify_command


def test_an_increment_names_its_parent_and_a_full_backup_forces_a_reading():
    common = {"host": "source", "tags": ["plan=shop", "claim=data"]}
    increment = backup_command("shop", "data", **common, parent="abc", limit_upload_bytes=2**20)
    assert increment == (
        "backup", "/volumes/shop/data", "--as-root", "--host", "source",
        "--tag", "plan=shop", "--tag", "claim=data", "--parent", "abc", "--limit-upload", "1024",
    )  # fmt: skip
    assert "--force" in backup_command("shop", "data", **common)


def test_a_restore_leaves_nothing_else_in_the_volume():
    partly = restore_command("shop-prod", "data", "abc", verify=True, verify_percent=5)
    assert partly[-3:] == ("--verify", "--verify-content", "5")
    command = restore_command("shop-prod", "data", "abc", base="before", verify=True)
    assert command == (
        "restore", "abc", "--target", "/volumes/shop-prod/data", "--delete", "--sync",
        "--base", "before", "--verify",
    )  # fmt: skip


def test_verifying_compares_with_the_snapshot():
    assert verify_command("ns", "c", "abc") == ("verify", "abc", "--target", "/volumes/ns/c")
