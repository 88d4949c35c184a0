"""The mirror: what the chain says, in tables, so that answers need no node. Made by `mirror` alone.

Every table can be thrown away and rebuilt from the chain. `since_block` is the block that brought a row
into being; what a row was before a later block changed it is kept in `mirror_undo` for the newest blocks,
so that blocks which the chain replaced can be taken back.
"""

from collections.abc import Iterable

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.schema import SchemaItem

from gateway.store.metadata import currency_column, metadata, moment, won


def _mirror(name: str, keys: Iterable[SchemaItem], *rest: SchemaItem) -> Table:
    return Table(
        f"mirror_{name}",
        metadata,
        currency_column(),
        *keys,
        *rest,
        Column("since_block", BigInteger, nullable=False),
        Index(f"ix_mirror_{name}_since_block", "currency", "since_block"),
    )


def _number(name: str) -> "Column[int]":
    return Column(name, BigInteger, primary_key=True, autoincrement=False)


def _log_index() -> "Column[int]":
    """Which log of its block told it: the order of things within a block."""
    return Column("log_index", Integer, nullable=False, server_default="0")


def _word(name: str) -> "Column[bytes]":
    return Column(name, LargeBinary, primary_key=True)


def _small(name: str, default: int | None = None) -> "Column[int]":
    server_default = None if default is None else str(default)
    return Column(name, SmallInteger, nullable=False, server_default=server_default)


# --- people and their own money ---------------------------------------------------------------

citizens = _mirror(
    "citizen",
    [_number("citizen")],
    Column("wallet", LargeBinary, nullable=False),
    _small("status"),
    _small("district"),
    _small("cohort"),
    won("card_limit"),
    Index("ix_mirror_citizen_wallet", "currency", "wallet", unique=True),
)
merchants = _mirror(
    "merchant",
    [_number("merchant")],
    Column("wallet", LargeBinary, nullable=False),
    _small("status"),
    _small("district"),
    _small("category"),
    _small("sales_band"),
    moment("barred_until", nullable=False),
    won("owed"),
    Index("ix_mirror_merchant_wallet", "currency", "wallet", unique=True),
)
balances = _mirror("balance", [_word("wallet")], won("won"))
deposits = _mirror(
    "deposit",
    [_word("deposit_ref")],
    Column("citizen", BigInteger, comment="null: to the treasury"),
    won("amount"),
    moment("issued_at", nullable=False),
    Column("tx_hash", LargeBinary, nullable=False),
    _log_index(),
    Index("ix_mirror_deposit_citizen", "currency", "citizen"),
    Index("ix_mirror_deposit_currency_issued_at", "currency", "issued_at"),
)
redemptions = _mirror(
    "redemption",
    [_word("redemption_ref")],
    Column("holder", LargeBinary, nullable=False),
    won("amount"),
    moment("redeemed_at", nullable=False),
    Column("citizen", BigInteger, comment="whose wallet it was; null: no citizen's"),
    _log_index(),
    Index("ix_mirror_redemption_citizen", "currency", "citizen"),
    Index("ix_mirror_redemption_currency_redeemed_at", "currency", "redeemed_at"),
)
gifts = _mirror(
    "gift",
    [_number("block_number"), Column("log_index", Integer, primary_key=True, autoincrement=False)],
    Column("giver", BigInteger, nullable=False),
    Column("receiver", BigInteger, nullable=False),
    won("amount"),
    moment("given_at", nullable=False),
    Column("block_hash", LargeBinary, nullable=False),
    # Follows from what was before it: worked out when somebody first asks, and gone with the block.
    Column("parts", JSONB, nullable=False, comment="the lots that it carried (L-5); [] = not worked out yet"),
    Index("ix_mirror_gift_giver", "currency", "giver"),
    Index("ix_mirror_gift_receiver", "currency", "receiver"),
)
city = _mirror(
    "city",
    [],
    Column("paused", Boolean, nullable=False),
    Column("treasury", LargeBinary, nullable=False),
    won("holding_cap"),
    won("purchase_cap"),
    won("gift_cap"),
    _small("accepted_bands"),
    Column("active_campaign", Integer, nullable=False),
    won("issued"),
    won("redeemed"),
    won("float_left"),
)

# --- city money and cashback ------------------------------------------------------------------

programmes = _mirror(
    "programme",
    [_number("programme")],
    Column("label", LargeBinary, nullable=False),
    moment("starts_at", nullable=False),
    moment("expires_at", nullable=False),
    _small("sales_bands"),
    Column("districts", LargeBinary, nullable=False, comment="mask, 32 bytes"),
    Column("categories", LargeBinary, nullable=False, comment="mask, 32 bytes"),
    Column("tier_amounts", JSONB, nullable=False),
    _small("status"),
    won("funded"),
    won("budget_left"),
    won("outstanding"),
    won("spent"),
    won("swept"),
)
rolls = _mirror(
    "roll",
    [_number("programme"), _number("chunk")],
    Column("roll", LargeBinary, nullable=False, comment="address of the code that holds it"),
    Column("tiers", LargeBinary, nullable=False, comment="M-2"),
    Column("recipients", BigInteger, nullable=False),
    won("amount"),
)
city_money = _mirror(
    "city_money",
    [_number("programme"), _number("citizen")],
    won("credits"),
    won("spent"),
)
campaigns = _mirror(
    "campaign",
    [_number("campaign")],
    Column("label", LargeBinary, nullable=False),
    moment("starts_at", nullable=False),
    moment("ends_at", nullable=False),
    won("monthly_base"),
    Column("band_rates", JSONB, nullable=False),
    Column("cohort_bonuses", JSONB, nullable=False),
    _small("status"),
    won("budget_left"),
    won("earned"),
)
cashback = _mirror(
    "cashback",
    [_number("citizen")],
    won("credit"),
    Column("month", Integer, nullable=False, comment="of the last earning, year * 12 + month - 1; 0 never"),
    won("base"),
)

# --- payments ---------------------------------------------------------------------------------

batches = _mirror(
    "batch",
    [_number("batch")],
    Column("root", LargeBinary, nullable=False),
    Column("size", Integer, nullable=False),
    Column("accepted", Integer, nullable=False),
    moment("processed_at", nullable=False),
    Column("tx_hash", LargeBinary, nullable=False),
    # As the event carries them, in one piece: a row a payment would cost more than all else of the mirror.
    Column("records", LargeBinary, nullable=False, comment="96 bytes an order, in order (P-8)"),
    Column("log_index", Integer, comment="in its block"),
)
refunds = _mirror(
    "refund",
    [_number("batch"), _number("index"), _number("refunded_total")],
    Column("refund_id", LargeBinary, nullable=False, comment="16 bytes"),
    Column("payment_id", LargeBinary, nullable=False),
    won("amount"),
    won("own"),
    won("credit"),
    won("earned_back"),
    won("from_own"),
    Column("programme_parts", LargeBinary, nullable=False, comment="32 bytes, as in a record"),
    moment("refunded_at", nullable=False),
    Column("log_index", Integer, comment="in its block"),
    Column("citizen", BigInteger, nullable=False, server_default="0"),
    Index("ix_mirror_refund_citizen", "currency", "citizen"),
    Index("ix_mirror_refund_currency_refunded_at", "currency", "refunded_at"),
)
changes = _mirror(
    "change",
    # What payments earn under, as it changed: campaigns, and where people and shops stood before (U-1).
    [_number("block_number"), _number("log_index")],
    Column("kind", Text, nullable=False, comment="the event's name"),
    Column("subject", BigInteger, nullable=False, comment="campaign, citizen or merchant"),
    Column("data", JSONB, nullable=False),
)

# --- settlement -------------------------------------------------------------------------------

cycles = _mirror("cycle", [_number("cycle")], won("escrowed"), won("anchored"), won("paid"), won("returned"))
lines = _mirror(
    "line",
    [_number("cycle"), _number("merchant")],
    won("amount"),
    _small("status"),
    Column("statement_hash", LargeBinary),
    Column("ended_block", BigInteger, comment="the block that burnt it or gave it back"),
)
files = _mirror("file", [_word("file_hash")], Column("cycle", BigInteger, nullable=False), won("total"))

MIRRORED: tuple[Table, ...] = (
    citizens,
    merchants,
    balances,
    deposits,
    redemptions,
    gifts,
    city,
    programmes,
    rolls,
    city_money,
    campaigns,
    cashback,
    batches,
    refunds,
    changes,
    cycles,
    lines,
    files,
)

# --- where the mirror stands ------------------------------------------------------------------

cursors = Table(
    "mirror_cursor",
    metadata,
    currency_column(),
    Column("block_number", BigInteger, nullable=False, comment="the last block that is in the mirror"),
    Column("block_hash", LargeBinary, nullable=False),
    moment("block_time", nullable=False),
)
checkpoints = Table(
    "mirror_checkpoint",
    metadata,
    # Where the cursor has been: points to which `mirror_undo` can go back.
    currency_column(),
    _number("block_number"),
    Column("block_hash", LargeBinary, nullable=False),
    moment("block_time", nullable=False),
)
undo = Table(
    "mirror_undo",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    currency_column(primary_key=False),
    Column("block_number", BigInteger, nullable=False, comment="the checkpoint whose coming changed it"),
    Column("table_name", Text, nullable=False),
    Column("images", JSONB, nullable=False, comment="the rows before, of one statement"),
    Index("ix_mirror_undo_currency_block_number", "currency", "block_number"),
)

UNDO_SETTING = "camellia.undo_block"

UNDO_STATEMENTS: tuple[str, ...] = (
    f"""
    CREATE OR REPLACE FUNCTION mirror_remember() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        block bigint := NULLIF(current_setting('{UNDO_SETTING}', true), '')::bigint;
    BEGIN
        IF block IS NOT NULL THEN
            INSERT INTO mirror_undo (currency, block_number, table_name, images)
            SELECT before.currency, block, TG_TABLE_NAME, jsonb_agg(to_jsonb(before)) FROM before
            GROUP BY before.currency;
        END IF;
        RETURN NULL;
    END $$""",
    *(
        f"""
        CREATE OR REPLACE TRIGGER remember AFTER UPDATE ON {table.name}
        REFERENCING OLD TABLE AS before FOR EACH STATEMENT EXECUTE FUNCTION mirror_remember()"""
        for table in MIRRORED
    ),
    # A tier is read from the middle of a roll: uncompressed, only the piece that holds it is fetched.
    f"ALTER TABLE {rolls.name} ALTER COLUMN tiers SET STORAGE EXTERNAL",
    f"ALTER TABLE {batches.name} ALTER COLUMN records SET STORAGE EXTERNAL",
    # Rows that payments change: room on the page for the next version, so that no index is written.
    *(f"ALTER TABLE {table.name} SET (fillfactor = 75)" for table in (balances, city_money, cashback)),
)
"""To be executed once after the tables are made (a migration does)."""
