#!/usr/bin/env python3
"""Walks through the shop (examples/ecommerce.toml) with two clients at once and prints what is said.

    cargo run --release -- --config examples/ecommerce.toml      # in one terminal
    python3 -m pip install websockets && python3 examples/walkthrough.py

Every answer and push is compared with what the guide prints; the exit status is 1 if one differs.
"""

import asyncio
import json
import sys

import websockets

URL = sys.argv[1] if len(sys.argv) > 1 else "ws://127.0.0.1:8080/"


def fits(wanted, actual):
    """Whether `actual` has everything that the guide prints; metadata may come on top."""
    if isinstance(wanted, dict):
        return isinstance(actual, dict) and all(k in actual and fits(v, actual[k]) for k, v in wanted.items())
    if isinstance(wanted, list):
        return isinstance(actual, list) and len(wanted) == len(actual) and all(map(fits, wanted, actual))
    return wanted is ANY or wanted == actual


ANY = object()


class Client:
    def __init__(self, name, socket):
        self.name, self.socket, self.answers, self.pushes = name, socket, asyncio.Queue(), asyncio.Queue()
        self.reader = asyncio.create_task(self.read())

    @classmethod
    async def connect(cls, name):
        client = cls(name, await websockets.connect(URL))
        welcome = await client.answers.get()
        assert fits({"type": "welcome", "version": "1.0.0", "requiresAuth": True}, welcome), welcome
        return client

    async def read(self):
        async for text in self.socket:
            message = json.loads(text)
            print(f"{self.name:>6} ← {text}")
            await (self.pushes if message["type"] == "push" else self.answers).put(message)

    async def ask(self, request, wanted):
        text = json.dumps(request, separators=(",", ":"))
        print(f"{self.name:>6} → {text}")
        await self.socket.send(text)
        answer = await asyncio.wait_for(self.answers.get(), 5)
        assert answer["id"] == request["id"], answer
        body = {"type": "result", "data": wanted} if not (isinstance(wanted, dict) and "code" in wanted) else wanted
        assert fits(body, answer), f"expected {wanted}, got {answer}"
        return answer.get("data")

    async def pushed(self, subscription, wanted):
        push = await asyncio.wait_for(self.pushes.get(), 5)
        assert push["subscriptionId"] == subscription and fits(wanted, push["data"]), f"expected {wanted}, got {push}"

    async def leave(self):
        await self.socket.close()
        await self.reader
        assert self.pushes.empty(), f"{self.name} got a push that the guide does not print"


def heading(text):
    print(f"\n# {text}")


async def main():
    heading("Step 1: connect and authenticate (Alice, and the admin for the three products of Step 2)")
    alice, admin = await Client.connect("Alice"), await Client.connect("Admin")
    await alice.ask({"id": 1, "type": "auth.login", "token": "customer-token-alice"},
                    {"userId": "user-alice", "roles": ["customer"]})
    await admin.ask({"id": 1, "type": "auth.login", "token": "admin-token"}, {"userId": "admin-1", "roles": ["admin"]})
    products = [("prod-1", "Wireless Keyboard", 79.99, 25), ("prod-2", "USB-C Hub", 45.00, 50),
                ("prod-3", "Laptop Stand", 120.00, 3)]
    shown = []
    for n, (key, title, price, stock) in enumerate(products):
        record = {"id": key, "title": title, "price": price, "stock": stock}
        await admin.ask({"id": 100 + n, "type": "store.insert", "bucket": "products", "data": record},
                        record | {"active": True, "_version": 1})
        shown.append(record | {"active": True, "_version": 1})

    heading("Step 2: browse products")
    await alice.ask({"id": 2, "type": "store.subscribe", "query": "product-catalog"},
                    {"subscriptionId": "sub-1", "data": shown})

    heading("Step 3: place an order (three buckets)")
    items = '[{"productId":"prod-1","quantity":1,"price":79.99}]'
    order = {"id": "order-1", "userId": "user-alice", "items": items, "total": 79.99, "status": "pending",
             "createdAt": 1706745700000}
    log = {"id": "log-1", "action": "order_placed", "userId": "user-alice", "details": "Wireless Keyboard x1",
           "timestamp": 1706745700000}
    keyboard = shown[0] | {"stock": 24, "_version": 2}
    await alice.ask({"id": 3, "type": "store.transaction", "operations": [
        {"op": "update", "bucket": "products", "key": "prod-1", "data": {"stock": 24}},
        {"op": "insert", "bucket": "orders", "data": order},
        {"op": "insert", "bucket": "audit-logs", "data": log}]},
        {"results": [{"index": 0, "data": keyboard}, {"index": 1, "data": order | {"_version": 1}},
                     {"index": 2, "data": log | {"_version": 1}}]})
    await alice.pushed("sub-1", [keyboard] + shown[1:])

    heading("… and one that fails leaves nothing behind")
    await alice.ask({"id": 31, "type": "store.transaction", "operations": [
        {"op": "update", "bucket": "products", "key": "prod-1", "data": {"stock": 0}},
        {"op": "update", "bucket": "orders", "key": "no-such-order", "data": {"status": "x"}}]},
        {"type": "error", "code": "NOT_FOUND",
         "message": 'Record with key "no-such-order" not found in bucket "orders"'})
    await alice.ask({"id": 32, "type": "store.get", "bucket": "products", "key": "prod-1"}, keyboard)

    heading("Step 4: emit an order event")
    placed = {"orderId": "order-1", "userId": "user-alice", "total": 79.99}
    await alice.ask({"id": 4, "type": "rules.emit", "topic": "order.placed", "data": placed},
                    {"id": ANY, "topic": "order.placed", "timestamp": ANY, "data": placed})

    heading("Step 5: subscribe to order status")
    await alice.ask({"id": 5, "type": "store.subscribe", "query": "user-orders", "params": {"userId": "user-alice"}},
                    {"subscriptionId": "sub-2", "data": [order | {"_version": 1}]})

    heading("Step 6: the admin ships the order")
    shipped = order | {"status": "shipped", "_version": 2}
    await admin.ask({"id": 2, "type": "store.update", "bucket": "orders", "key": "order-1",
                     "data": {"status": "shipped"}}, shipped)
    await alice.pushed("sub-2", [shipped])
    await admin.ask({"id": 3, "type": "rules.emit", "topic": "order.shipped",
                     "data": {"orderId": "order-1", "userId": "user-alice"}}, {"topic": "order.shipped"})

    heading("Step 7: order status with facts")
    fact = {"key": "order:order-1:status", "value": "shipped"}
    await admin.ask({"id": 4, "type": "rules.setFact"} | fact, fact)
    await alice.ask({"id": 6, "type": "rules.queryFacts", "pattern": "order:*:status"}, [fact])
    await alice.ask({"id": 61, "type": "rules.getFact", "key": "order:order-1:status"}, "shipped")

    heading("Step 8: the admin subscribes to order events")
    await admin.ask({"id": 5, "type": "rules.subscribe", "pattern": "order.*"}, {"subscriptionId": "sub-3"})
    bobs = {"orderId": "order-2", "userId": "user-bob", "total": 45.00}
    await alice.ask({"id": 7, "type": "rules.emit", "topic": "order.placed", "data": bobs}, {"topic": "order.placed"})
    await admin.pushed("sub-3", {"topic": "order.placed", "event": {"topic": "order.placed", "data": bobs}})

    heading("The order dashboard, and the Exercise: a low-stock alert …")
    await admin.ask({"id": 6, "type": "store.subscribe", "query": "recent-orders"},
                    {"subscriptionId": "sub-4", "data": [shipped]})
    await admin.ask({"id": 7, "type": "rules.subscribe", "pattern": "inventory.*"}, {"subscriptionId": "sub-5"})
    low = {"productId": "prod-3", "title": "Laptop Stand", "currentStock": 2}
    await alice.ask({"id": 20, "type": "rules.emit", "topic": "inventory.low_stock", "data": low},
                    {"topic": "inventory.low_stock"})
    await admin.pushed("sub-5", {"topic": "inventory.low_stock", "event": {"data": low}})

    heading("… and a cancelled order")
    restored, cancelled = keyboard | {"stock": 25, "_version": 3}, shipped | {"status": "cancelled", "_version": 3}
    await admin.ask({"id": 8, "type": "store.transaction", "operations": [
        {"op": "update", "bucket": "products", "key": "prod-1", "data": {"stock": 25}},
        {"op": "update", "bucket": "orders", "key": "order-1", "data": {"status": "cancelled"}},
        {"op": "insert", "bucket": "audit-logs", "data": {
            "id": "log-2", "action": "order_cancelled", "userId": "admin-1",
            "details": "Order order-1 cancelled, stock restored", "timestamp": 1706745950000}}]},
        {"results": [{"index": 0, "data": restored}, {"index": 1, "data": cancelled},
                     {"index": 2, "data": {"id": "log-2", "action": "order_cancelled"}}]})
    got = {}
    for _ in range(2):  # of different subscriptions: in any order
        push = await asyncio.wait_for(alice.pushes.get(), 5)
        got[push["subscriptionId"]] = push["data"]
    assert fits([restored] + shown[1:], got["sub-1"]) and fits([cancelled], got["sub-2"]), got
    await admin.pushed("sub-4", [cancelled])
    reason = {"orderId": "order-1", "userId": "user-alice", "reason": "admin_cancelled"}
    await admin.ask({"id": 9, "type": "rules.emit", "topic": "order.cancelled", "data": reason},
                    {"topic": "order.cancelled"})
    await admin.pushed("sub-3", {"topic": "order.cancelled", "event": {"data": reason}})

    heading("Step 11: whoami and logout")
    await alice.ask({"id": 9, "type": "auth.whoami"},
                    {"authenticated": True, "userId": "user-alice", "roles": ["customer"]})
    await alice.ask({"id": 10, "type": "auth.logout"}, {"loggedOut": True})
    await alice.ask({"id": 11, "type": "store.all", "bucket": "products"},
                    {"type": "error", "code": "UNAUTHORIZED", "message": "Authentication required"})
    await alice.leave()
    await admin.leave()
    print("\nEvery answer and push was as the guide prints it.")


asyncio.run(main())
