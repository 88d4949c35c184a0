/** The proof of a payment (P-8, P-9), worked through in this browser: nothing of it is asked of the gateway. */

import { keccak_256 } from "../vendor/@noble/hashes/sha3.js";

const RECORD = /^0x[0-9a-f]{192}$/i;
const HASH = /^0x[0-9a-f]{64}$/i;
const MOST_SIBLINGS = 64;

/** What a receipt's text holds, or null when it is none. Extra members are left alone. */
export function receiptIn(text) {
  let told;
  try {
    told = JSON.parse(text);
  } catch {
    return null;
  }
  const number = (value) => Number.isSafeInteger(value) && value >= 0;
  const fits =
    told !== null && typeof told === "object" && number(told.batch) && told.batch > 0 && number(told.index) && RECORD.test(told.record ?? "") &&
    Array.isArray(told.proof) && told.proof.length <= MOST_SIBLINGS && told.proof.every((one) => typeof one === "string" && HASH.test(one));
  return fits ? { batch: told.batch, index: told.index, record: told.record, proof: told.proof } : null;
}

/** The root that a receipt leads to, as 0x…: keccak of its place and record, then of each pair in order of size. */
export function rootOf({ batch, index, record, proof }) {
  let node = keccak_256(joined(word(batch), word(index), bytes(record)));
  for (const one of proof) {
    const sibling = bytes(one);
    node = keccak_256(isBelow(node, sibling) ? joined(node, sibling) : joined(sibling, node));
  }
  return hex(node);
}

/** What the record says, without names: ids, won, and the time of the block. */
export function contentOf({ record }) {
  const raw = bytes(record);
  const view = new DataView(raw.buffer);
  const id = hex(raw.slice(0, 16)).slice(2);
  return {
    payment: `${id.slice(0, 8)}-${id.slice(8, 12)}-${id.slice(12, 16)}-${id.slice(16, 20)}-${id.slice(20)}`,
    merchant: view.getUint32(20),
    amount_won: view.getUint32(24),
    accepted: raw[29] === 0,
    at: (raw[36] * 2 ** 32 + view.getUint32(37)) * 1000,
    own_won: view.getUint32(41),
    cashback_spent_won: view.getUint32(45),
    cashback_earned_won: view.getUint32(49),
  };
}

function word(number) {
  const made = new Uint8Array(32);
  new DataView(made.buffer).setBigUint64(24, BigInt(number));
  return made;
}

function bytes(text) {
  return Uint8Array.from(text.slice(2).match(/../g), (pair) => parseInt(pair, 16));
}

function hex(raw) {
  return `0x${Array.from(raw, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

function joined(...parts) {
  const made = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    made.set(part, at);
    at += part.length;
  }
  return made;
}

function isBelow(one, other) {
  const at = one.findIndex((byte, place) => byte !== other[place]);
  return at >= 0 && one[at] < other[at];
}
