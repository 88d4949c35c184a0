"""The SQL of a group of card messages: arrays in, key lookups only (`gateway.flow.intake.statements`)."""

from __future__ import annotations

from typing import Final

from gateway.flow.intake.statements import SETTINGS as _INTAKE
from gateway.flow.outcomes import PAYMENTS_SUFFIX, WORK_CHANNEL

SETTINGS: Final = {**_INTAKE, "application_name": "camellia cards"}

MEMBERS: Final = """
    SELECT DISTINCT member FROM cards WHERE currency = $1 AND pan_hash = ANY($2::bytea[])"""

LOCK_CITIZENS: Final = """
    SELECT member, citizen, next_card_nonce FROM citizens
    WHERE currency = $1 AND member = ANY($2::text[])
    ORDER BY member FOR NO KEY UPDATE"""

# Whoever makes batches holds the same lock (flow/submit.py): what is found in no batch while it is held will
# be in none before this transaction ends.
NO_BATCHES: Final = "SELECT pg_advisory_xact_lock(hashtextextended('camellia batches ' || $1, 0))"

ASKED: Final = """
    SELECT k.request_hash AS known_hash, k.response AS known_response, k.payment AS known_payment,
           c.member, c.state AS card_state, c.issuer, c.valid_until, s.merchant,
           EXISTS (SELECT FROM card_messages r WHERE r.currency = $1 AND r.class = 'reversal'
                   AND r.original IN (asked.message, asked.sale)) AS reversed
    FROM unnest($2::uuid[], $3::bytea[], $4::text[], $5::uuid[])
        WITH ORDINALITY AS asked (message, pan_hash, shop, sale, place)
    LEFT JOIN card_messages k ON k.currency = $1 AND k.message = asked.message
    LEFT JOIN cards c ON c.currency = $1 AND c.pan_hash = asked.pan_hash
    LEFT JOIN merchants s ON s.currency = $1 AND s.business_number = asked.shop AND s.state <> 'refused'
    ORDER BY asked.place"""
"""What is known of each message (`sale`: the sale that an advice may be of), its card and its shop; read
under the citizens' locks."""

ORIGINALS: Final = """
    SELECT o.message, o.response, o.class, p.payment, p.citizen, p.merchant, p.amount, p.state, p.refunded,
           p.nonce, p.expires_at, p.held_own, p.held_cashback, p.held_city::text AS held_city,
           COALESCE((SELECT sum(d.due) FROM card_messages d
                     WHERE d.currency = $1 AND d.payment = p.payment AND d.due > 0), 0)::bigint AS due,
           COALESCE((SELECT sum(f.amount) FROM refunds f
                     WHERE f.currency = $1 AND f.payment = p.payment
                       AND f.state IN ('held', 'submitted')), 0)::bigint AS under_way,
           EXISTS (SELECT FROM payment_batches b WHERE b.currency = $1 AND b.serials @> ARRAY[p.serial])
               AS in_batch
    FROM unnest($2::uuid[]) AS wanted (message)
    JOIN card_messages o ON o.currency = $1 AND o.message = wanted.message
    LEFT JOIN payments p ON p.currency = $1 AND p.payment = o.payment AND p.kind = 3"""

CARD_DAY: Final = """
    SELECT wanted.citizen, c.card_limit, day.spent, day.open
    FROM unnest($2::bigint[]) AS wanted (citizen)
    JOIN mirror_citizen c ON c.currency = $1 AND c.citizen = wanted.citizen
    LEFT JOIN LATERAL (
        SELECT COALESCE(sum(p.amount), 0)::bigint AS spent,
               count(*) FILTER (WHERE p.state IN ('held', 'authorised')) AS open
        FROM payments p
        WHERE p.currency = $1 AND p.citizen = wanted.citizen AND p.kind = 3 AND p.received_at >= $3
          AND (p.state IN ('held', 'authorised')
               OR (p.decided_at >= $4 AND p.state NOT IN ('rejected', 'cancelled')))
    ) AS day ON true"""
"""The consented limit and what may count against it today: what the chain took today (F-5: refunds do not
give it back), and all that it may take today."""

STORE: Final = f"""
    WITH paid AS (
        INSERT INTO payments (currency, payment, citizen, merchant, amount, kind, state, reason,
            requested_by, request_hash, received_at, decided_at, nonce, expires_at, "order", held_own,
            held_cashback, held_city, stand_in)
        SELECT $1, payment, citizen, merchant, amount, 3, state, reason, requested_by, request_hash,
            received_at, decided_at, nonce, expires_at, signed, held_own, held_cashback, held_city::jsonb,
            stand_in
        FROM unnest($2::uuid[], $3::bigint[], $4::bigint[], $5::bigint[], $6::text[], $7::smallint[],
            $8::text[], $9::bytea[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[],
            $14::bytea[], $15::bigint[], $16::bigint[], $17::text[], $18::bool[])
            WITH ORDINALITY AS decided (payment, citizen, merchant, amount, state, reason, requested_by,
            request_hash, received_at, decided_at, nonce, expires_at, signed, held_own, held_cashback,
            held_city, stand_in, place)
        ORDER BY place
        ON CONFLICT DO NOTHING
        RETURNING 1
    ), told AS (
        INSERT INTO card_messages (currency, message, issuer, class, request_hash, response, amount, payment,
            original, due, received_at)
        SELECT $1, * FROM unnest($19::uuid[], $20::text[], $21::text[], $22::bytea[], $23::text[],
            $24::bigint[], $25::uuid[], $26::uuid[], $27::bigint[], $28::bigint[])
        ON CONFLICT DO NOTHING
        RETURNING 1
    ), taken AS (
        UPDATE citizens c SET next_card_nonce = taken.next
        FROM unnest($29::text[], $30::bigint[]) AS taken (member, next)
        WHERE c.currency = $1 AND c.member = taken.member
    )
    SELECT (SELECT count(*) FROM paid) + (SELECT count(*) FROM told),
           CASE WHEN $31::bool THEN pg_notify('{WORK_CHANNEL}', $1 || '{PAYMENTS_SUFFIX}') END,
           CASE WHEN $32::bool THEN pg_notify('{WORK_CHANNEL}', $1) END"""
"""New payments in the order decided, every message's answer, the nonces taken, and the word to the worker:
that payments wait for a batch, that something is to be given back. Returns how many rows were new."""

CHANGE: Final = """
    UPDATE payments p
    SET state = changed.state, amount = changed.amount, nonce = changed.nonce,
        expires_at = changed.expires_at, "order" = changed.signed, held_own = changed.own,
        held_cashback = changed.cashback, held_city = changed.city::jsonb,
        decided_at = CASE WHEN changed.state = 'cancelled' THEN $11::bigint END
    FROM unnest($2::uuid[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bytea[],
        $9::bigint[], $10::bigint[], $12::text[])
        AS changed (payment, old_state, state, amount, nonce, expires_at, signed, own, cashback, city)
    WHERE p.currency = $1 AND p.payment = changed.payment AND p.state = changed.old_state
    RETURNING p.payment"""
"""Captures and releases. A row that is not as it was read is not changed, and the group is decided anew."""
