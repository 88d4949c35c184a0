CREATE SEQUENCE member_serial START WITH 1000001
-- next
CREATE TABLE mirror_citizen (
    currency TEXT NOT NULL,
    citizen BIGINT NOT NULL,
    wallet BYTEA NOT NULL,
    status SMALLINT NOT NULL,
    district SMALLINT NOT NULL,
    cohort SMALLINT NOT NULL,
    card_limit BIGINT NOT NULL,
    since_block BIGINT NOT NULL,
    CONSTRAINT pk_mirror_citizen PRIMARY KEY (currency, citizen)
)
-- next
CREATE INDEX ix_mirror_citizen_since_block ON mirror_citizen (currency, since_block)
-- next
CREATE UNIQUE INDEX ix_mirror_citizen_wallet ON mirror_citizen (currency, wallet)
-- next
CREATE TABLE mirror_merchant (
    currency TEXT NOT NULL,
    merchant BIGINT NOT NULL,
    wallet BYTEA NOT NULL,
    status SMALLINT NOT NULL,
    district SMALLINT NOT NULL,
    category SMALLINT NOT NULL,
    sales_band SMALLINT NOT NULL,
    barred_until BIGINT NOT NULL,
    owed BIGINT NOT NULL,
    since_block BIGINT NOT NULL,
    CONSTRAINT pk_mirror_merchant PRIMARY KEY (currency, merchant)
)
-- next
CREATE UNIQUE INDEX ix_mirror_merchant_wallet ON mirror_merchant (currency, wallet)
-- next
CREATE INDEX ix_mirror_merchant_since_block ON mirror_merchant (currency, since_block)
-- next
CREATE TABLE mirror_balance (
    currency TEXT NOT NULL,
    wallet BYTEA NOT NULL,
    won BIGINT NOT NULL,
    since_block BIGINT NOT NULL,
    CONSTRAINT pk_mirror_balance PRIMARY KEY (currency, wallet)
)
-- next
CREATE INDEX ix_mirror_balance_since_block ON mirror_balance (currency, since_block)
-- next
CREATE TABLE mirror_deposit (
    currency TEXT NOT NULL,
    deposit_ref BYTEA NOT NULL,
    citizen BIGINT,
    amount BIGINT NOT NULL,
    issued_at BIGINT NOT NULL,
    tx_hash BYTEA NOT NULL,
    since_block BIGINT NOT NULL,
    CONSTRAINT pk_mirror_deposit PRIMARY KEY (currency, deposit_ref)
)
-- next
CREATE INDEX ix_mirror_deposit_since_block ON mirror_deposit (currency, since_block)
-- next
COMMENT ON COLUMN mirror_deposit.citizen IS 'null: to the treasury'
-- next
CREATE TABLE mirror_redemption (
    currency TEXT NOT NULL,
    redemption_ref BYTEA NOT NULL,
    holder BYTEA NOT NULL,
    amount BIGINT NOT NULL,
    redeemed_at BIGINT NOT NULL,
    since_block BIGINT NOT NULL,
    CONSTRAINT pk_mirror_redemption PRIMARY KEY (currency, redemption_ref)
)
-- next
CREATE INDEX ix_mirror_redemption_since_block ON mirror_redemption (currency, since_block)
-- next
CREATE TABLE mirror_city (
    currency TEXT NOT NULL,
    paused BOOLEAN NOT NULL,
    treasury BYTEA NOT NULL,
    holding_cap BIGINT NOT NULL,
    purchase_cap BIGINT NOT NULL,
    gift_cap BIGINT NOT NULL,
    accepted_bands SMALLINT NOT NULL,
    active_campaign INTEGER NOT NULL,
    issued BIGINT NOT NULL,
    redeemed BIGINT NOT NULL,
    float_left BIGINT NOT NULL,
    since_block BIGINT NOT NULL,
    CONSTRAINT pk_mirror_city PRIMARY KEY (currency)
)
-- next
CREATE INDEX ix_mirror_city_since_block ON mirror_city (currency, since_block)
-- next
CREATE TABLE mirror_programme (
    currency TEXT NOT NULL,
    programme BIGINT NOT NULL,
    label BYTEA NOT NULL,
    starts_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    sales_bands SMALLINT NOT NULL,
    districts BYTEA NOT NULL,
    categories BYTEA NOT NULL,
    tier_amounts JSONB NOT NULL,
    status SMALLINT NOT NULL,
    funded BIGINT NOT NULL,
    budget_left BIGINT NOT NULL,
    outstanding BIGINT NOT NULL,
    spent BIGINT NOT NULL,
    swept BIGINT NOT NULL,
    since_block BIGINT NOT NULL,
    CONSTRAINT pk_mirror_programme PRIMARY KEY (currency, programme)
)
-- next
CREATE INDEX ix_mirror_programme_since_block ON mirror_programme (currency, since_block)
-- next
COMMENT ON COLUMN mirror_programme.districts IS 'mask, 32 bytes'
-- next
COMMENT ON COLUMN mirror_programme.categories IS 'mask, 32 bytes'
-- next
CREATE TABLE mirror_roll (
    currency TEXT NOT NULL,
    programme BIGINT NOT NULL,
    chunk BIGINT NOT NULL,
    roll BYTEA NOT NULL,
    tiers BYTEA NOT NULL,
    recipients BIGINT NOT NULL,
    amount BIGINT NOT NULL,
    since_block BIGINT NOT NULL,
    CONSTRAINT pk_mirror_roll PRIMARY KEY (currency, programme, chunk)
)
-- next
CREATE INDEX ix_mirror_roll_since_block ON mirror_roll (currency, since_block)
-- next
COMMENT ON COLUMN mirror_roll.roll IS 'address of the code that holds it'
-- next
COMMENT ON COLUMN mirror_roll.tiers IS 'M-2'
-- next
CREATE TABLE mirror_city_money (
    currency TEXT NOT NULL,
    programme BIGINT NOT NULL,
    citizen BIGINT NOT NULL,
    credits BIGINT NOT NULL,
    spent BIGINT NOT NULL,
    since_block BIGINT NOT NULL,
    CONSTRAINT pk_mirror_city_money PRIMARY KEY (currency, programme, citizen)
)
-- next
CREATE INDEX ix_mirror_city_money_since_block ON mirror_city_money (currency, since_block)
-- next
CREATE TABLE mirror_campaign (
    currency TEXT NOT NULL,
    campaign BIGINT NOT NULL,
    label BYTEA NOT NULL,
    starts_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,
    monthly_base BIGINT NOT NULL,
    band_rates JSONB NOT NULL,
    cohort_bonuses JSONB NOT NULL,
    status SMALLINT NOT NULL,
    budget_left BIGINT NOT NULL,
    earned BIGINT NOT NULL,
    since_block BIGINT NOT NULL,
    CONSTRAINT pk_mirror_campaign PRIMARY KEY (currency, campaign)
)
-- next
CREATE INDEX ix_mirror_campaign_since_block ON mirror_campaign (currency, since_block)
-- next
CREATE TABLE mirror_cashback (
    currency TEXT NOT NULL,
    citizen BIGINT NOT NULL,
    credit BIGINT NOT NULL,
    month INTEGER NOT NULL,
    base BIGINT NOT NULL,
    since_block BIGINT NOT NULL,
    CONSTRAINT pk_mirror_cashback PRIMARY KEY (currency, citizen)
)
-- next
CREATE INDEX ix_mirror_cashback_since_block ON mirror_cashback (currency, since_block)
-- next
COMMENT ON COLUMN mirror_cashback.month IS 'of the last earning, year * 12 + month - 1; 0 never'
-- next
CREATE TABLE mirror_batch (
    currency TEXT NOT NULL,
    batch BIGINT NOT NULL,
    root BYTEA NOT NULL,
    size INTEGER NOT NULL,
    accepted INTEGER NOT NULL,
    processed_at BIGINT NOT NULL,
    tx_hash BYTEA NOT NULL,
    since_block BIGINT NOT NULL,
    CONSTRAINT pk_mirror_batch PRIMARY KEY (currency, batch)
)
-- next
CREATE INDEX ix_mirror_batch_since_block ON mirror_batch (currency, since_block)
-- next
CREATE TABLE mirror_payment (
    currency TEXT NOT NULL,
    batch BIGINT NOT NULL,
    index BIGINT NOT NULL,
    payment_id BYTEA NOT NULL,
    citizen BIGINT NOT NULL,
    merchant BIGINT NOT NULL,
    amount BIGINT NOT NULL,
    reason SMALLINT NOT NULL,
    accepted_at BIGINT NOT NULL,
    record BYTEA NOT NULL,
    refunded BIGINT NOT NULL,
    since_block BIGINT NOT NULL,
    CONSTRAINT pk_mirror_payment PRIMARY KEY (currency, batch, index)
)
-- next
CREATE INDEX ix_mirror_payment_payment_id ON mirror_payment (currency, payment_id)
-- next
CREATE INDEX ix_mirror_payment_since_block ON mirror_payment (currency, since_block)
-- next
COMMENT ON COLUMN mirror_payment.payment_id IS '16 bytes'
-- next
COMMENT ON COLUMN mirror_payment.record IS '96 bytes (P-8)'
-- next
CREATE TABLE mirror_refund (
    currency TEXT NOT NULL,
    batch BIGINT NOT NULL,
    index BIGINT NOT NULL,
    refunded_total BIGINT NOT NULL,
    refund_id BYTEA NOT NULL,
    payment_id BYTEA NOT NULL,
    amount BIGINT NOT NULL,
    own BIGINT NOT NULL,
    credit BIGINT NOT NULL,
    earned_back BIGINT NOT NULL,
    from_own BIGINT NOT NULL,
    programme_parts BYTEA NOT NULL,
    refunded_at BIGINT NOT NULL,
    since_block BIGINT NOT NULL,
    CONSTRAINT pk_mirror_refund PRIMARY KEY (currency, batch, index, refunded_total)
)
-- next
CREATE INDEX ix_mirror_refund_since_block ON mirror_refund (currency, since_block)
-- next
COMMENT ON COLUMN mirror_refund.refund_id IS '16 bytes'
-- next
COMMENT ON COLUMN mirror_refund.programme_parts IS '32 bytes, as in a record'
-- next
CREATE TABLE mirror_cycle (
    currency TEXT NOT NULL,
    cycle BIGINT NOT NULL,
    escrowed BIGINT NOT NULL,
    anchored BIGINT NOT NULL,
    paid BIGINT NOT NULL,
    returned BIGINT NOT NULL,
    since_block BIGINT NOT NULL,
    CONSTRAINT pk_mirror_cycle PRIMARY KEY (currency, cycle)
)
-- next
CREATE INDEX ix_mirror_cycle_since_block ON mirror_cycle (currency, since_block)
-- next
CREATE TABLE mirror_line (
    currency TEXT NOT NULL,
    cycle BIGINT NOT NULL,
    merchant BIGINT NOT NULL,
    amount BIGINT NOT NULL,
    status SMALLINT NOT NULL,
    statement_hash BYTEA,
    since_block BIGINT NOT NULL,
    CONSTRAINT pk_mirror_line PRIMARY KEY (currency, cycle, merchant)
)
-- next
CREATE INDEX ix_mirror_line_since_block ON mirror_line (currency, since_block)
-- next
CREATE TABLE mirror_file (
    currency TEXT NOT NULL,
    file_hash BYTEA NOT NULL,
    cycle BIGINT NOT NULL,
    total BIGINT NOT NULL,
    since_block BIGINT NOT NULL,
    CONSTRAINT pk_mirror_file PRIMARY KEY (currency, file_hash)
)
-- next
CREATE INDEX ix_mirror_file_since_block ON mirror_file (currency, since_block)
-- next
CREATE TABLE mirror_cursor (
    currency TEXT NOT NULL,
    block_number BIGINT NOT NULL,
    block_hash BYTEA NOT NULL,
    block_time BIGINT NOT NULL,
    CONSTRAINT pk_mirror_cursor PRIMARY KEY (currency)
)
-- next
COMMENT ON COLUMN mirror_cursor.block_number IS 'the last block that is in the mirror'
-- next
CREATE TABLE mirror_checkpoint (
    currency TEXT NOT NULL,
    block_number BIGINT NOT NULL,
    block_hash BYTEA NOT NULL,
    block_time BIGINT NOT NULL,
    CONSTRAINT pk_mirror_checkpoint PRIMARY KEY (currency, block_number)
)
-- next
CREATE TABLE mirror_undo (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    currency TEXT NOT NULL,
    block_number BIGINT NOT NULL,
    table_name TEXT NOT NULL,
    image JSONB NOT NULL,
    CONSTRAINT pk_mirror_undo PRIMARY KEY (id)
)
-- next
CREATE INDEX ix_mirror_undo_currency_block_number ON mirror_undo (currency, block_number)
-- next
COMMENT ON COLUMN mirror_undo.block_number IS 'the checkpoint whose coming changed it'
-- next
COMMENT ON COLUMN mirror_undo.image IS 'the row before'
-- next
CREATE TABLE outbox_account (
    chain_id BIGINT NOT NULL,
    account BYTEA NOT NULL,
    next_nonce BIGINT NOT NULL,
    CONSTRAINT pk_outbox_account PRIMARY KEY (chain_id, account)
)
-- next
COMMENT ON COLUMN outbox_account.account IS 'address, 20 bytes'
-- next
CREATE TABLE outbox_transaction (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    currency TEXT NOT NULL,
    chain_id BIGINT NOT NULL,
    account BYTEA NOT NULL,
    kind TEXT NOT NULL,
    reference TEXT NOT NULL,
    destination BYTEA NOT NULL,
    calldata BYTEA,
    gas BIGINT NOT NULL,
    state TEXT NOT NULL,
    nonce BIGINT,
    tx_hash BYTEA,
    raw BYTEA,
    succeeded BOOLEAN,
    given_up BOOLEAN DEFAULT 'false' NOT NULL,
    error TEXT,
    block_number BIGINT,
    block_hash BYTEA,
    tx_index INTEGER,
    block_time BIGINT,
    outcome BYTEA,
    logs_hash BYTEA,
    created_at BIGINT NOT NULL,
    stored_at BIGINT,
    sent_at BIGINT,
    mined_at BIGINT,
    CONSTRAINT pk_outbox_transaction PRIMARY KEY (id),
    CONSTRAINT uq_outbox_transaction_chain_id_account_nonce UNIQUE (chain_id, account, nonce),
    CONSTRAINT uq_outbox_transaction_currency_kind_reference UNIQUE (currency, kind, reference),
    CONSTRAINT uq_outbox_transaction_chain_id_tx_hash UNIQUE (chain_id, tx_hash)
)
-- next
CREATE INDEX ix_outbox_transaction_block ON outbox_transaction (chain_id, block_number, tx_index)
-- next
CREATE INDEX ix_outbox_transaction_open ON outbox_transaction (chain_id, account, id) WHERE state <> 'mined'
-- next
COMMENT ON COLUMN outbox_transaction.account IS 'who signs, 20 bytes'
-- next
COMMENT ON COLUMN outbox_transaction.kind IS 'what it does, e.g. batch, issue'
-- next
COMMENT ON COLUMN outbox_transaction.reference IS 'the business action that it carries out'
-- next
COMMENT ON COLUMN outbox_transaction.destination IS 'contract, 20 bytes'
-- next
COMMENT ON COLUMN outbox_transaction.calldata IS 'until it is signed; then it is in raw'
-- next
COMMENT ON COLUMN outbox_transaction.state IS 'queued, stored, sent, mined'
-- next
COMMENT ON COLUMN outbox_transaction.raw IS 'the signed bytes, stored before they are broadcast'
-- next
COMMENT ON COLUMN outbox_transaction.succeeded IS 'null until mined; false when it reverted or was given up'
-- next
COMMENT ON COLUMN outbox_transaction.given_up IS 'the node refused it: the bytes only use up its nonce'
-- next
COMMENT ON COLUMN outbox_transaction.error IS 'the contract''s error with its values, or the node''s refusal'
-- next
COMMENT ON COLUMN outbox_transaction.outcome IS 'digest of what it did, block times left out'
-- next
COMMENT ON COLUMN outbox_transaction.logs_hash IS 'digest of its logs to the last byte'
-- next
CREATE TABLE payments (
    currency TEXT NOT NULL,
    payment UUID NOT NULL,
    serial BIGINT GENERATED ALWAYS AS IDENTITY,
    citizen BIGINT NOT NULL,
    merchant BIGINT NOT NULL,
    amount BIGINT NOT NULL,
    kind SMALLINT NOT NULL,
    state TEXT NOT NULL,
    reason SMALLINT DEFAULT '0' NOT NULL,
    requested_by TEXT NOT NULL,
    request_hash BYTEA NOT NULL,
    order_reference TEXT,
    nonce BIGINT,
    expires_at BIGINT,
    "order" BYTEA,
    held_own BIGINT DEFAULT '0' NOT NULL,
    held_cashback BIGINT DEFAULT '0' NOT NULL,
    held_city JSONB DEFAULT '{}' NOT NULL,
    batch_tx TEXT,
    batch BIGINT,
    batch_index INTEGER,
    record BYTEA,
    refunded BIGINT DEFAULT '0' NOT NULL,
    cycle INTEGER,
    received_at BIGINT NOT NULL,
    submitted_at BIGINT,
    decided_at BIGINT,
    CONSTRAINT pk_payments PRIMARY KEY (currency, payment)
)
-- next
CREATE INDEX ix_payments_currency_merchant_received_at ON payments (currency, merchant, received_at, payment)
-- next
CREATE INDEX ix_payments_currency_citizen_received_at ON payments (currency, citizen, received_at, payment)
-- next
CREATE INDEX ix_payments_unsettled ON payments (currency, merchant) WHERE cycle IS NULL AND record IS NOT NULL
-- next
CREATE INDEX ix_payments_waiting ON payments (currency, serial) WHERE state IN ('held', 'submitted') AND batch_tx IS NULL
-- next
CREATE INDEX ix_payments_currency_batch_batch_index ON payments (currency, batch, batch_index)
-- next
CREATE INDEX ix_payments_batch_tx ON payments (currency, batch_tx) WHERE state = 'submitted'
-- next
CREATE INDEX ix_payments_holding ON payments (currency, citizen) WHERE state IN ('held', 'submitted')
-- next
COMMENT ON COLUMN payments.payment IS 'the client''s id'
-- next
COMMENT ON COLUMN payments.serial IS 'the order of holds'
-- next
COMMENT ON COLUMN payments.kind IS 'P-2 to P-4'
-- next
COMMENT ON COLUMN payments.state IS 'gateway.domain.payment'
-- next
COMMENT ON COLUMN payments.requested_by IS 'role:subject; who may repeat the request'
-- next
COMMENT ON COLUMN payments."order" IS '128 bytes, signed (P-1); null when refused before signing'
-- next
COMMENT ON COLUMN payments.held_city IS 'won by programme id'
-- next
COMMENT ON COLUMN payments.batch_tx IS 'reference of the batch''s transaction in the outbox'
-- next
COMMENT ON COLUMN payments.record IS '96 bytes, as the chain wrote it (P-8)'
-- next
COMMENT ON COLUMN payments.cycle IS 'the settlement cycle that escrowed it (S-1)'
-- next
CREATE TABLE merchant_orders (
    currency TEXT NOT NULL,
    reference TEXT NOT NULL,
    merchant BIGINT NOT NULL,
    amount BIGINT NOT NULL,
    label TEXT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    payment UUID,
    CONSTRAINT pk_merchant_orders PRIMARY KEY (currency, reference)
)
-- next
COMMENT ON COLUMN merchant_orders.payment IS 'the payment that paid it'
-- next
CREATE TABLE citizens (
    currency TEXT NOT NULL,
    member TEXT NOT NULL,
    citizen BIGINT,
    wallet BYTEA NOT NULL,
    wallet_key BYTEA NOT NULL,
    phone_lookup BYTEA NOT NULL,
    phone BYTEA NOT NULL,
    pin_hash TEXT NOT NULL,
    pin_failures INTEGER DEFAULT '0' NOT NULL,
    pin_locked_until BIGINT,
    district SMALLINT NOT NULL,
    cohort SMALLINT DEFAULT '0' NOT NULL,
    next_nonce BIGINT DEFAULT '0' NOT NULL,
    registration TEXT,
    joined_at BIGINT NOT NULL,
    CONSTRAINT pk_citizens PRIMARY KEY (currency, member),
    CONSTRAINT uq_citizens_currency_phone_lookup UNIQUE (currency, phone_lookup),
    CONSTRAINT uq_citizens_currency_citizen UNIQUE (currency, citizen),
    CONSTRAINT uq_citizens_currency_wallet UNIQUE (currency, wallet)
)
-- next
CREATE INDEX ix_citizens_unregistered ON citizens (currency, member) WHERE citizen IS NULL
-- next
COMMENT ON COLUMN citizens.citizen IS 'id on chain (C-1); null until the chain has registered it'
-- next
COMMENT ON COLUMN citizens.wallet IS 'address, 20 bytes'
-- next
COMMENT ON COLUMN citizens.phone_lookup IS 'keyed hash of the phone number'
-- next
COMMENT ON COLUMN citizens.pin_hash IS 'argon2id'
-- next
COMMENT ON COLUMN citizens.next_nonce IS 'P-6, signed messages'
-- next
COMMENT ON COLUMN citizens.registration IS 'reference of the registration in the outbox'
-- next
CREATE TABLE merchants (
    currency TEXT NOT NULL,
    application UUID NOT NULL,
    serial BIGINT GENERATED ALWAYS AS IDENTITY,
    merchant BIGINT,
    state TEXT NOT NULL,
    business_number TEXT NOT NULL,
    name TEXT NOT NULL,
    name_en TEXT NOT NULL,
    mcc TEXT NOT NULL,
    category SMALLINT NOT NULL,
    district SMALLINT NOT NULL,
    sales_band SMALLINT NOT NULL,
    wallet BYTEA NOT NULL,
    wallet_key BYTEA NOT NULL,
    account BYTEA NOT NULL,
    decision TEXT,
    registration TEXT,
    applied_at BIGINT NOT NULL,
    decided_at BIGINT,
    CONSTRAINT pk_merchants PRIMARY KEY (currency, application),
    CONSTRAINT uq_merchants_currency_merchant UNIQUE (currency, merchant),
    CONSTRAINT uq_merchants_currency_wallet UNIQUE (currency, wallet)
)
-- next
CREATE INDEX ix_merchants_unregistered ON merchants (currency, serial) WHERE merchant IS NULL AND state = 'approved'
-- next
CREATE UNIQUE INDEX uq_merchants_currency_business_number ON merchants (currency, business_number) WHERE state <> 'refused'
-- next
COMMENT ON COLUMN merchants.merchant IS 'id on chain (C-1); null until the chain has registered it'
-- next
COMMENT ON COLUMN merchants.state IS 'applied, refused, approved (active once it has an id)'
-- next
COMMENT ON COLUMN merchants.name IS 'as on the shop''s sign, in Korean'
-- next
COMMENT ON COLUMN merchants.name_en IS 'romanised, for the QR code'
-- next
COMMENT ON COLUMN merchants.decision IS 'the registrar''s words'
-- next
CREATE TABLE phone_codes (
    currency TEXT NOT NULL,
    challenge UUID NOT NULL,
    phone_lookup BYTEA NOT NULL,
    phone BYTEA NOT NULL,
    device_hash BYTEA NOT NULL,
    code_hash BYTEA NOT NULL,
    tries INTEGER DEFAULT '0' NOT NULL,
    sent_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT,
    CONSTRAINT pk_phone_codes PRIMARY KEY (currency, challenge)
)
-- next
CREATE INDEX ix_phone_codes_currency_phone_lookup_sent_at ON phone_codes (currency, phone_lookup, sent_at)
-- next
CREATE TABLE sessions (
    token_hash BYTEA NOT NULL,
    currency TEXT NOT NULL,
    role TEXT NOT NULL,
    subject TEXT NOT NULL,
    device_hash BYTEA,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT,
    pin_until BIGINT,
    CONSTRAINT pk_sessions PRIMARY KEY (token_hash)
)
-- next
CREATE INDEX ix_sessions_currency_role_subject ON sessions (currency, role, subject)
-- next
COMMENT ON COLUMN sessions.role IS 'citizen or merchant'
-- next
COMMENT ON COLUMN sessions.subject IS 'member number, or the merchant''s application'
-- next
CREATE TABLE cycles (
    currency TEXT NOT NULL,
    cycle INTEGER NOT NULL,
    state TEXT NOT NULL,
    execution_on DATE NOT NULL,
    total BIGINT,
    message_id TEXT,
    file BYTEA,
    file_hash BYTEA,
    marks INTEGER DEFAULT '0' NOT NULL,
    opened_at BIGINT NOT NULL,
    filed_at BIGINT,
    sent_at BIGINT,
    ended_at BIGINT,
    CONSTRAINT pk_cycles PRIMARY KEY (currency, cycle)
)
-- next
COMMENT ON COLUMN cycles.cycle IS 'yyyymmdd, KST (S-1)'
-- next
COMMENT ON COLUMN cycles.state IS 'gateway.flow.settle.CycleState'
-- next
COMMENT ON COLUMN cycles.file IS 'the pain.001 as anchored; rebuilding it gives the same bytes'
-- next
COMMENT ON COLUMN cycles.marks IS 'rounds of marking lines'
-- next
CREATE TABLE bank_files (
    currency TEXT NOT NULL,
    file_hash BYTEA NOT NULL,
    message TEXT NOT NULL,
    name TEXT NOT NULL,
    received_at BIGINT NOT NULL,
    closing BIGINT,
    statement_on DATE,
    content BYTEA,
    CONSTRAINT pk_bank_files PRIMARY KEY (currency, file_hash)
)
-- next
COMMENT ON COLUMN bank_files.message IS 'ISO 20022 message name'
-- next
COMMENT ON COLUMN bank_files.content IS 'a statement''s bytes, kept for the audit'
-- next
CREATE TABLE outbox_replay (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    chain_id BIGINT NOT NULL,
    transaction_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    block_hash BYTEA NOT NULL,
    tx_index INTEGER NOT NULL,
    block_time BIGINT NOT NULL,
    succeeded BOOLEAN NOT NULL,
    outcome BYTEA NOT NULL,
    logs_hash BYTEA NOT NULL,
    lost_at BIGINT NOT NULL,
    replayed_at BIGINT,
    same_outcome BOOLEAN,
    same_logs BOOLEAN,
    CONSTRAINT pk_outbox_replay PRIMARY KEY (id),
    CONSTRAINT fk_outbox_replay_transaction_id FOREIGN KEY(transaction_id) REFERENCES outbox_transaction (id),
    CONSTRAINT uq_outbox_replay_transaction_id_block_hash UNIQUE (transaction_id, block_hash)
)
-- next
CREATE INDEX ix_outbox_replay_open ON outbox_replay (chain_id) WHERE replayed_at IS NULL
-- next
COMMENT ON COLUMN outbox_replay.block_number IS 'where it was'
-- next
COMMENT ON COLUMN outbox_replay.same_outcome IS 'whether the money moved as before; null until mined again'
-- next
COMMENT ON COLUMN outbox_replay.same_logs IS 'whether even the records are the same bytes'
-- next
CREATE TABLE passes (
    currency TEXT NOT NULL,
    token_hash BYTEA NOT NULL,
    request UUID NOT NULL,
    member TEXT NOT NULL,
    limit_won BIGINT NOT NULL,
    nonce BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    payment UUID,
    CONSTRAINT pk_passes PRIMARY KEY (currency, token_hash),
    CONSTRAINT fk_passes_currency_member FOREIGN KEY(currency, member) REFERENCES citizens (currency, member)
)
-- next
CREATE UNIQUE INDEX uq_passes_currency_member_request ON passes (currency, member, request)
-- next
COMMENT ON COLUMN passes.request IS 'the client''s Idempotency-Key'
-- next
COMMENT ON COLUMN passes.payment IS 'the payment that used it'
-- next
CREATE TABLE refunds (
    currency TEXT NOT NULL,
    refund UUID NOT NULL,
    payment UUID NOT NULL,
    merchant BIGINT NOT NULL,
    request_hash BYTEA NOT NULL,
    amount BIGINT NOT NULL,
    refunded_before BIGINT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    requested_at BIGINT NOT NULL,
    decided_at BIGINT,
    CONSTRAINT pk_refunds PRIMARY KEY (currency, refund),
    CONSTRAINT fk_refunds_currency_payment FOREIGN KEY(currency, payment) REFERENCES payments (currency, payment)
)
-- next
CREATE UNIQUE INDEX uq_refunds_one_at_a_time ON refunds (currency, payment) WHERE state IN ('held', 'submitted')
-- next
CREATE INDEX ix_refunds_waiting ON refunds (currency, requested_at) WHERE state = 'held'
-- next
COMMENT ON COLUMN refunds.refund IS 'the client''s id'
-- next
COMMENT ON COLUMN refunds.state IS 'held, submitted, confirmed, rejected'
-- next
CREATE TABLE deposits (
    currency TEXT NOT NULL,
    deposit_key BYTEA NOT NULL,
    bank_code TEXT NOT NULL,
    deposit_ref TEXT NOT NULL,
    amount BIGINT NOT NULL,
    booked_at BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    remittance BYTEA NOT NULL,
    payer BYTEA NOT NULL,
    member TEXT,
    state TEXT NOT NULL,
    reason TEXT,
    tries INTEGER DEFAULT '0' NOT NULL,
    retry_at BIGINT,
    file TEXT NOT NULL,
    CONSTRAINT pk_deposits PRIMARY KEY (currency, deposit_key),
    CONSTRAINT uq_deposits_currency_bank_code_deposit_ref UNIQUE (currency, bank_code, deposit_ref),
    CONSTRAINT fk_deposits_currency_member FOREIGN KEY(currency, member) REFERENCES citizens (currency, member)
)
-- next
CREATE INDEX ix_deposits_currency_member_booked_at ON deposits (currency, member, booked_at)
-- next
CREATE INDEX ix_deposits_waiting ON deposits (currency, received_at) WHERE state = 'matched'
-- next
COMMENT ON COLUMN deposits.deposit_key IS 'O-3, 32 bytes: issues at most once'
-- next
COMMENT ON COLUMN deposits.state IS 'unmatched, matched, submitted, issued, refused'
-- next
COMMENT ON COLUMN deposits.tries IS 'transactions asked for'
-- next
CREATE TABLE cycle_lines (
    currency TEXT NOT NULL,
    cycle INTEGER NOT NULL,
    merchant BIGINT NOT NULL,
    amount BIGINT NOT NULL,
    reference TEXT NOT NULL,
    state TEXT NOT NULL,
    bank_outcome TEXT,
    bank_reason TEXT,
    report_hash BYTEA,
    asked TEXT,
    ended_at BIGINT,
    CONSTRAINT pk_cycle_lines PRIMARY KEY (currency, cycle, merchant),
    CONSTRAINT fk_cycle_lines_currency_cycle FOREIGN KEY(currency, cycle) REFERENCES cycles (currency, cycle)
)
-- next
COMMENT ON COLUMN cycle_lines.state IS 'escrowed, then as the bank says and the chain confirms'
-- next
COMMENT ON COLUMN cycle_lines.bank_outcome IS 'paid or returned, before the chain has it'
-- next
COMMENT ON COLUMN cycle_lines.report_hash IS 'SHA-256 of the bank''s file that said so'
-- next
COMMENT ON COLUMN cycle_lines.asked IS 'the transaction that tells the chain: kind:reference'
-- next
CREATE OR REPLACE FUNCTION mirror_remember() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    block bigint := NULLIF(current_setting('camellia.undo_block', true), '')::bigint;
BEGIN
    IF block IS NOT NULL THEN
        INSERT INTO mirror_undo (currency, block_number, table_name, image)
        SELECT before.currency, block, TG_TABLE_NAME, to_jsonb(before) FROM before;
    END IF;
    RETURN NULL;
END $$
-- next
CREATE OR REPLACE TRIGGER remember AFTER UPDATE ON mirror_citizen
REFERENCING OLD TABLE AS before FOR EACH STATEMENT EXECUTE FUNCTION mirror_remember()
-- next
CREATE OR REPLACE TRIGGER remember AFTER UPDATE ON mirror_merchant
REFERENCING OLD TABLE AS before FOR EACH STATEMENT EXECUTE FUNCTION mirror_remember()
-- next
CREATE OR REPLACE TRIGGER remember AFTER UPDATE ON mirror_balance
REFERENCING OLD TABLE AS before FOR EACH STATEMENT EXECUTE FUNCTION mirror_remember()
-- next
CREATE OR REPLACE TRIGGER remember AFTER UPDATE ON mirror_deposit
REFERENCING OLD TABLE AS before FOR EACH STATEMENT EXECUTE FUNCTION mirror_remember()
-- next
CREATE OR REPLACE TRIGGER remember AFTER UPDATE ON mirror_redemption
REFERENCING OLD TABLE AS before FOR EACH STATEMENT EXECUTE FUNCTION mirror_remember()
-- next
CREATE OR REPLACE TRIGGER remember AFTER UPDATE ON mirror_city
REFERENCING OLD TABLE AS before FOR EACH STATEMENT EXECUTE FUNCTION mirror_remember()
-- next
CREATE OR REPLACE TRIGGER remember AFTER UPDATE ON mirror_programme
REFERENCING OLD TABLE AS before FOR EACH STATEMENT EXECUTE FUNCTION mirror_remember()
-- next
CREATE OR REPLACE TRIGGER remember AFTER UPDATE ON mirror_roll
REFERENCING OLD TABLE AS before FOR EACH STATEMENT EXECUTE FUNCTION mirror_remember()
-- next
CREATE OR REPLACE TRIGGER remember AFTER UPDATE ON mirror_city_money
REFERENCING OLD TABLE AS before FOR EACH STATEMENT EXECUTE FUNCTION mirror_remember()
-- next
CREATE OR REPLACE TRIGGER remember AFTER UPDATE ON mirror_campaign
REFERENCING OLD TABLE AS before FOR EACH STATEMENT EXECUTE FUNCTION mirror_remember()
-- next
CREATE OR REPLACE TRIGGER remember AFTER UPDATE ON mirror_cashback
REFERENCING OLD TABLE AS before FOR EACH STATEMENT EXECUTE FUNCTION mirror_remember()
-- next
CREATE OR REPLACE TRIGGER remember AFTER UPDATE ON mirror_batch
REFERENCING OLD TABLE AS before FOR EACH STATEMENT EXECUTE FUNCTION mirror_remember()
-- next
CREATE OR REPLACE TRIGGER remember AFTER UPDATE ON mirror_payment
REFERENCING OLD TABLE AS before FOR EACH STATEMENT EXECUTE FUNCTION mirror_remember()
-- next
CREATE OR REPLACE TRIGGER remember AFTER UPDATE ON mirror_refund
REFERENCING OLD TABLE AS before FOR EACH STATEMENT EXECUTE FUNCTION mirror_remember()
-- next
CREATE OR REPLACE TRIGGER remember AFTER UPDATE ON mirror_cycle
REFERENCING OLD TABLE AS before FOR EACH STATEMENT EXECUTE FUNCTION mirror_remember()
-- next
CREATE OR REPLACE TRIGGER remember AFTER UPDATE ON mirror_line
REFERENCING OLD TABLE AS before FOR EACH STATEMENT EXECUTE FUNCTION mirror_remember()
-- next
CREATE OR REPLACE TRIGGER remember AFTER UPDATE ON mirror_file
REFERENCING OLD TABLE AS before FOR EACH STATEMENT EXECUTE FUNCTION mirror_remember()
-- next
ALTER TABLE mirror_roll ALTER COLUMN tiers SET STORAGE EXTERNAL
