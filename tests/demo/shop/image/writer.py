"""The shop's customers: commits order after order, and tells the ledger of each acknowledged one.

The next order is committed only after the ledger has the last one, so that the ledger is exactly what the
database ever acknowledged (but for one order that a crash between the two may leave out).
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
import urllib.error
import urllib.request

import psycopg2
from order import Order

ITEMS = ("teapot", "kettle", "cup", "saucer", "strainer", "tray")
PAUSE_SECONDS = 0.5


def connect() -> psycopg2.extensions.connection:
    """Return a connection to the database, whose address Kubernetes puts into the environment."""
    return psycopg2.connect(
        host=os.environ["DB_SERVICE_HOST"],
        port=os.environ["DB_SERVICE_PORT"],
        dbname="shop",
        user="shop",
        password=os.environ["POSTGRES_PASSWORD"],
        connect_timeout=3,
        keepalives_idle=3,
        options="-c statement_timeout=5000",
    )


def report(order: Order) -> None:
    """Tell the ledger, until it has taken the order."""
    entry = {"namespace": os.environ["NAMESPACE"], "number": order.number, "checksum": order.checksum()}
    request = urllib.request.Request(
        os.environ["LEDGER_URL"],
        data=json.dumps(entry).encode(),
        headers={"Content-Type": "application/json"},
    )
    while True:
        try:
            with urllib.request.urlopen(request, timeout=5):
                return
        except OSError as error:
            print(
                f"the ledger at {request.full_url} can't be reached ({error}); no order is committed",
                flush=True,
            )
            time.sleep(PAUSE_SECONDS)


def place_orders(database: psycopg2.extensions.connection, seconds_between: float) -> None:
    """Commit orders for ever, beginning after the last one that the database holds."""
    with database.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(number), 0) FROM orders")
        number = cursor.fetchone()[0]
    database.commit()
    while True:
        number += 1
        order = Order(
            number, f"customer-{random.randrange(500)}", random.choice(ITEMS), random.randrange(100, 9900)
        )
        with database.cursor() as cursor:
            cursor.execute(
                "INSERT INTO orders (number, customer, item, cents, checksum) VALUES (%s, %s, %s, %s, %s)",
                (order.number, order.customer, order.item, order.cents, order.checksum()),
            )
        database.commit()
        report(order)
        time.sleep(seconds_between)


def main() -> None:
    """Place orders; after a lost connection begin anew."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    seconds_between = 1 / float(os.environ["ORDERS_PER_SECOND"])
    while True:
        try:
            place_orders(connect(), seconds_between)
        except psycopg2.Error as error:
            print(f"no database: {error}".strip(), flush=True)
            time.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    main()
