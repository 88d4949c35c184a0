"""The SQL of a group: each statement takes arrays, and its number of round trips does not grow with them.

The statements are key lookups, whatever the tables hold, so the connection forbids the planner everything
else (`SETTINGS`): a plan made while a table was empty must not become a scan when it is full.
"""

from __future__ import annotations

from typing import Final

from gateway.flow.outcomes import PAYMENTS_SUFFIX, WORK_CHANNEL

SETTINGS: Final = {
    "application_name": "camellia intake",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "jit": "off",
    # Whoever holds a citizen's row for so long delays this citizen alone: the group goes on without.
    "lock_timeout": "2s",
    "idle_in_transaction_session_timeout": "10s",
}

CALLERS: Final = """
    SELECT s.role, s.subject, s.device_hash, s.expires_at, s.revoked_at, s.pin_until,
           m.merchant AS shop,
           p.payment, p.requested_by, p.request_hash, p.state, p.reason, p.kind, p.amount, p.refunded,
           p.merchant, p.received_at, p.decided_at, p.record, p.stand_in
    FROM unnest($2::bytea[], $3::uuid[]) WITH ORDINALITY AS asked (token_hash, payment, place)
    LEFT JOIN sessions s ON s.token_hash = asked.token_hash AND s.currency = $1
    LEFT JOIN merchants m ON m.currency = $1
        AND m.application = CASE WHEN s.role = 'merchant' THEN s.subject::uuid END
    LEFT JOIN payments p ON p.currency = $1 AND p.payment = asked.payment
    ORDER BY asked.place"""
"""Who asks, and whether the id is known: one row a request, in order."""

HOLDERS: Final = """
    SELECT token_hash, member FROM passes WHERE currency = $1 AND token_hash = ANY($2::bytea[])"""

# Whoever locks citizens, passes and orders does it in this order, and in the order of their keys: no two
# groups can wait for each other. A citizen without an id is not locked: there is nothing to spend.
LOCK_CITIZENS: Final = """
    SELECT member, citizen, wallet, wallet_key, next_nonce FROM citizens
    WHERE currency = $1 AND member = ANY($2::text[]) AND citizen IS NOT NULL
    ORDER BY member FOR NO KEY UPDATE"""

LOCK_FREE_CITIZENS: Final = LOCK_CITIZENS + " SKIP LOCKED"
"""The same without those whom somebody else holds."""

LOCK_PASSES: Final = """
    SELECT token_hash, limit_won, nonce, expires_at, payment FROM passes
    WHERE currency = $1 AND token_hash = ANY($2::bytea[])
    ORDER BY token_hash FOR UPDATE"""

LOCK_ORDERS: Final = """
    SELECT reference, merchant, amount, expires_at, payment FROM merchant_orders
    WHERE currency = $1 AND reference = ANY($2::text[])
    ORDER BY reference FOR UPDATE"""

# One statement, so one snapshot: the indexer ends holds and moves balances in one commit, and what is read
# here is before it or after it. City money of programmes that are open now; `tiers` is the byte of the roll
# that holds the citizen (M-2).
MONEY: Final = """
    SELECT c.citizen, c.wallet, c.status, c.district, c.cohort, COALESCE(b.won, 0) AS own,
           COALESCE(k.credit, 0) AS credit, k.month, held.own + moving.own AS held_own,
           held.cashback AS held_cashback, held.city AS held_city, city.programmes, city.granted, city.tiers
    FROM unnest($2::bigint[]) AS wanted (citizen)
    JOIN mirror_citizen c ON c.currency = $1 AND c.citizen = wanted.citizen
    LEFT JOIN mirror_balance b ON b.currency = $1 AND b.wallet = c.wallet
    LEFT JOIN mirror_cashback k ON k.currency = $1 AND k.citizen = wanted.citizen
    LEFT JOIN LATERAL (
        SELECT COALESCE(sum(p.held_own), 0)::bigint AS own,
               COALESCE(sum(p.held_cashback), 0)::bigint AS cashback,
               jsonb_agg(p.held_city) FILTER (WHERE p.held_city <> '{}') AS city
        FROM payments p
        WHERE p.currency = $1 AND p.citizen = wanted.citizen AND p.state IN ('held', 'authorised')
    ) AS held ON true
    LEFT JOIN LATERAL (
        SELECT COALESCE(sum(h.amount), 0)::bigint AS own FROM own_holds h
        WHERE h.currency = $1 AND h.citizen = wanted.citizen
    ) AS moving ON true
    LEFT JOIN LATERAL (
        SELECT array_agg(g.programme) AS programmes,
               array_agg(COALESCE(m.credits, 0) - COALESCE(m.spent, 0)) AS granted,
               array_agg(substring(r.tiers FROM (wanted.citizen % 32768 / 2 + 1)::int FOR 1)) AS tiers
        FROM mirror_programme g
        LEFT JOIN mirror_roll r ON r.currency = $1 AND r.programme = g.programme
            AND r.chunk = wanted.citizen / 32768
        LEFT JOIN mirror_city_money m ON m.currency = $1 AND m.programme = g.programme
            AND m.citizen = wanted.citizen
        WHERE g.currency = $1 AND g.status <> 2 AND g.starts_at <= $3 AND $3 < g.expires_at
          AND (r.programme IS NOT NULL OR m.programme IS NOT NULL)
    ) AS city ON true"""

MERCHANTS: Final = """
    SELECT wanted.merchant, m.district, m.category, m.sales_band, m.status, shop.name
    FROM unnest($2::bigint[]) AS wanted (merchant)
    LEFT JOIN mirror_merchant m ON m.currency = $1 AND m.merchant = wanted.merchant
    LEFT JOIN merchants shop ON shop.currency = $1 AND shop.merchant = wanted.merchant"""

RULES: Final = """
    SELECT c.paused, c.accepted_bands, g.programme, g.starts_at, g.expires_at, g.districts, g.categories,
           g.sales_bands, g.tier_amounts::text AS tier_amounts
    FROM mirror_city c
    LEFT JOIN mirror_programme g ON g.currency = c.currency AND g.status <> 2
    WHERE c.currency = $1"""

STORE: Final = f"""
    WITH stored AS (
        INSERT INTO payments (currency, payment, citizen, merchant, amount, kind, state, reason,
            requested_by, request_hash, order_reference, received_at, decided_at, nonce, expires_at,
            "order", held_own, held_cashback, held_city, stand_in)
        SELECT $1, payment, citizen, merchant, amount, kind, state, reason, requested_by, request_hash,
            order_reference, received_at, decided_at, nonce, expires_at, signed, held_own, held_cashback,
            held_city::jsonb, stand_in
        FROM unnest($2::uuid[], $3::bigint[], $4::bigint[], $5::bigint[], $6::smallint[], $7::text[],
            $8::smallint[], $9::text[], $10::bytea[], $11::text[], $12::bigint[], $13::bigint[],
            $14::bigint[], $15::bigint[], $16::bytea[], $17::bigint[], $18::bigint[], $19::text[],
            $20::bool[])
            WITH ORDINALITY AS decided (payment, citizen, merchant, amount, kind, state, reason, requested_by,
            request_hash, order_reference, received_at, decided_at, nonce, expires_at, signed, held_own,
            held_cashback, held_city, stand_in, place)
        ORDER BY place
        ON CONFLICT DO NOTHING
        RETURNING 1
    ), taken AS (
        UPDATE citizens c SET next_nonce = taken.next
        FROM unnest($21::text[], $22::bigint[]) AS taken (member, next)
        WHERE c.currency = $1 AND c.member = taken.member
    )
    SELECT count(*), CASE WHEN $23::bool THEN pg_notify('{WORK_CHANNEL}', $1 || '{PAYMENTS_SUFFIX}') END
    FROM stored"""
"""Payments in the order in which they were decided (`serial`), the nonces that they took, and the word to
the worker, which PostgreSQL gives after the commit. Returns how many were new."""

USED_NONCES: Final = """
    SELECT citizen, nonce FROM signed_nonces
    WHERE currency = $1 AND (citizen, nonce) IN (SELECT * FROM unnest($2::bigint[], $3::bigint[]))"""

USE_NONCES: Final = """
    INSERT INTO signed_nonces (currency, citizen, nonce, payment)
    SELECT $1, * FROM unnest($2::bigint[], $3::bigint[], $4::uuid[])"""

USE_PASSES: Final = """
    UPDATE passes SET payment = used.payment
    FROM unnest($2::bytea[], $3::uuid[]) AS used (token_hash, payment)
    WHERE passes.currency = $1 AND passes.token_hash = used.token_hash"""

USE_ORDERS: Final = """
    UPDATE merchant_orders SET payment = used.payment
    FROM unnest($2::text[], $3::uuid[]) AS used (reference, payment)
    WHERE merchant_orders.currency = $1 AND merchant_orders.reference = used.reference"""

DECIDED: Final = """
    SELECT payment, state, reason, refunded, decided_at, record FROM payments
    WHERE currency = $1 AND payment = ANY($2::uuid[]) AND state <> 'held'"""
"""Those of the payments that the chain has decided."""
