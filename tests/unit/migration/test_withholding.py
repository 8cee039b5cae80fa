"""Values of Secrets are found in whatever text quotes them."""

from __future__ import annotations

import base64

from migration_ops.migration.withholding import WITHHELD, secret_values, withhold


def test_names_are_no_secrets_though_a_secret_holds_them():
    secret = {
        "kind": "Secret",
        "metadata": {"name": "login", "namespace": "storefront"},
        "stringData": {"user": "storefront", "password": "a-long-password", "pin": "1234"},
    }
    assert secret_values([secret]) == {
        "a-long-password",
        base64.b64encode(b"a-long-password").decode(),
        base64.b64encode(b"storefront").decode(),
        base64.b64encode(b"1234").decode(),
    }


def test_values_are_withheld_wherever_they_stand():
    document = {"a": ["x value-of-it y", {"b": "value-of-it"}], "n": 3, "outcome": "value-of-it"}
    cleaned = withhold(document, {"value-of-it"})
    assert cleaned == {"a": [f"x {WITHHELD} y", {"b": WITHHELD}], "n": 3, "outcome": "value-of-it"}


def test_a_key_file_is_withheld_line_by_line():
    key = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----\n"
    secret = {"kind": "Secret", "metadata": {"name": "tls"}, "stringData": {"tls.key": key}}
    said = withhold("refused: MIIEvQIBADANBgkqhkiG9w0BAQEFAASC at line 2", secret_values([secret]))
    assert said == f"refused: {WITHHELD} at line 2"
