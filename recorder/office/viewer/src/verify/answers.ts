/**
 * The orders on a stick, and what recorders have answered: `check_answers` of `recorder/office/orders.py`, word for word.
 *
 * Rules: an order counts where this office's authority key has signed it, an answer where it is to that very file and by a
 * recorder that is enrolled; names, sizes and counts are bounded before anything is believed of them.
 */

import type { Tree } from "../bundle/contents.ts";
import { isArray, isObject, type Json, type JsonObject, parseJson } from "../bundle/json.ts";
import { SIGNATURE_MARK, vehicleFolder } from "../bundle/manifest.ts";
import { BundleError, readRange } from "../bundle/reading.ts";
import { beginning, byCodePoint, quoted, shown, shownUpTo } from "../bundle/text.ts";
import { type Bytes, concat, decodeUtf8, fromBase64, latin1, toBase64, utf8 } from "../crypto/bytes.ts";
import { sha256Hex } from "../crypto/hashing.ts";
import { type Answered, type BlobLike, Refusal } from "../model.ts";
import { KeyError, PublicKey } from "./key.ts";
import type { Trust } from "./trust.ts";

const ORDER_SUFFIX = ".order.json";
const ANSWER_SUFFIX = ".answer.json";
const AUTHORITY_PREFIX = "cabin-authority-1:";
const ORDER_FORMAT = "cabin-recorder-order-1";
const ANSWER_FORMAT = "cabin-recorder-order-answer-1";
const ORDER_CONTEXT = utf8("cabin-recorder order 1\n");
const ANSWER_CONTEXT = utf8("cabin-recorder order answer 1\n");
const MAX_NAMES = 10_000;
const MAX_ORDERS = 64;
const MAX_ORDER_BYTES = 4096;
const MAX_ANSWER_BYTES = 1 << 20;
const MAX_VALID_MS = 31 * 86_400_000;
const SHOWN_CHARACTERS = 60;
const ORDER_NAME = /^([0-9a-f]{32})\.order\.json$/;
const NUMBER = /^[0-9a-f]{32}$/;
const SHA256 = /^[0-9a-f]{64}$/;
const VEHICLE = /^[A-Za-z0-9][A-Za-z0-9 ._-]{0,31}$/;
const JOURNEY = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;
const COMMON = ["format", "kind", "vehicle", "number", "issued", "expires", "who", "reason"];
const ANSWER = ["format", "recorder", "vehicle", "number", "order_sha256", "outcome", "said", "journeys", "ledger"];

/** A clause that goes on from "The order" or "The answer". */
class OrderError extends Error {
  override readonly name = "OrderError";
}

/** What is in the folder of orders, `authority` as in `authority.pub`. Throws Refusal where that is no such key. */
export async function answersIn(orders: Tree, authority: string, trust: Trust): Promise<readonly Answered[]> {
  const key = authorityKey(authority);
  const answered: Answered[] = [];
  const vehicles = [...orders].slice(0, MAX_NAMES).flatMap(([name, inside]) => (inside instanceof Map && VEHICLE.test(name) ? [name] : []));
  for (const vehicle of vehicles.sort(byCodePoint)) {
    const folder = orders.get(vehicleFolder(vehicle));
    if (folder instanceof Map) answered.push(...(await answersInFolder(vehicle, folder, key, trust)));
  }
  return answered;
}

async function answersInFolder(vehicle: string, folder: Tree, key: PublicKey, trust: Trust): Promise<Answered[]> {
  const names = [...folder.keys()].slice(0, MAX_NAMES);
  const meant = names.filter((name) => name.endsWith(ORDER_SUFFIX) && !name.startsWith(".")).sort(byCodePoint);
  const numbers = meant.flatMap((name) => ORDER_NAME.exec(name)?.[1] ?? []);
  const isAnswered = (number: string): boolean => folder.has(number + ANSWER_SUFFIX);
  numbers.sort((one, other) => Number(isAnswered(one)) - Number(isAnswered(other)) || byCodePoint(one, other));
  const strange = meant.find((name) => !ORDER_NAME.test(name));
  const sentences = strange === undefined ? [] : [`${shownUpTo(SHOWN_CHARACTERS, strange)} is not named as an order is.`];
  if (numbers.length > MAX_ORDERS) sentences.push(`There are ${numbers.length} orders; only the first ${MAX_ORDERS} were read.`);
  const answered: Answered[] = [];
  for (const number of numbers.slice(0, MAX_ORDERS)) answered.push(await answerTo(vehicle, number, folder, key, trust));
  if (sentences.length > 0) answered.push(told(vehicle, "", "no order", "wrong", sentences.join(" ")));
  return answered;
}

async function answerTo(vehicle: string, number: string, folder: Tree, key: PublicKey, trust: Trust): Promise<Answered> {
  let kind = "order";
  const tell = (verdict: Answered["verdict"], said: string): Answered => told(vehicle, number, kind, verdict, said);
  const file = folder.get(number + ORDER_SUFFIX);
  if (file === undefined || file instanceof Map) {
    return tell("wrong", "It is a link, a folder or a device instead of a file, and was not opened.");
  }
  let data: Bytes;
  try {
    data = await readRange(file, 0, MAX_ORDER_BYTES + 1);
    const order = readOrder(data, key);
    kind = order.kind;
    if (order.number !== number) return tell("wrong", "The order is in a file of another number.");
  } catch (error) {
    return tell("wrong", error instanceof BundleError ? `It ${error.message}` : `The order ${clauseOf(error)}`);
  }
  const answer = await answerBeside(folder.get(number + ANSWER_SUFFIX));
  if (answer.length === 0) return tell("unanswered", "No recorder has answered yet.");
  try {
    const [said, recorder] = readAnswer(answer);
    if (said.number !== number || said.orderSha256 !== sha256Hex(data)) return tell("wrong", "The answer is to another order.");
    const knownAs = trust.nameOf(recorder);
    const sentence = shown(said.said);
    if (knownAs === "") return tell("unknown", `A recorder that is not known here (${recorder.fingerprint}) says: ${sentence}`);
    const journeys = said.journeys.length > 0 ? ` (${said.journeys.join(", ")})` : "";
    return tell(said.outcome, `${sentence}${journeys} Said by ${shown(knownAs)}.`);
  } catch (error) {
    return tell("wrong", `The answer ${clauseOf(error)}`);
  }
}

/** Empty where there is none that can be read. */
async function answerBeside(file: Tree | BlobLike | undefined): Promise<Bytes> {
  try {
    if (file !== undefined && !(file instanceof Map)) return await readRange(file, 0, MAX_ANSWER_BYTES + 1);
  } catch (error) {
    if (!(error instanceof BundleError)) throw error;
  }
  return new Uint8Array();
}

function told(vehicle: string, number: string, kind: string, verdict: Answered["verdict"], said: string): Answered {
  return { vehicle, number, kind, verdict, said, line: `${vehicle} ${kind} ${number.slice(0, 8)}: ${verdict}: ${said}` };
}

function clauseOf(error: unknown): string {
  if (error instanceof OrderError) return error.message;
  throw error;
}

function authorityKey(text: string): PublicKey {
  const line = text.trim();
  const raw = line.startsWith(AUTHORITY_PREFIX) ? fromBase64(line.slice(AUTHORITY_PREFIX.length)) : null;
  if (raw?.length === 32) return PublicKey.of(raw);
  const sentence = `${quoted(beginning(line, 80))} is not an office's authority key; it begins with ${AUTHORITY_PREFIX}.`;
  throw new Refusal("bad-known", `authority.pub cannot be used: ${sentence}`);
}

/** What is signed of a file, without the line that names its kind; OrderError where that is not proven. */
function proven(data: Bytes, context: Bytes, key: PublicKey, signer: string): Bytes {
  const text = latin1(data);
  const mark = text.lastIndexOf(SIGNATURE_MARK);
  const rest = text.slice(mark + SIGNATURE_MARK.length);
  const signature = fromBase64(rest.replace(/"\}\n$/, "")) ?? new Uint8Array();
  if (mark < 0 || rest !== `${toBase64(signature)}"}\n`) {
    throw new OrderError("is not whole; it was cut off or altered, or is something else.");
  }
  const unsigned = concat(data.subarray(0, mark), utf8("}"));
  if (!key.isSigner(concat(context, unsigned), signature)) throw new OrderError(`is not signed by ${signer}, or was altered.`);
  return unsigned;
}

function readOrder(data: Bytes, authority: PublicKey): { readonly kind: string; readonly number: string } {
  if (data.length > MAX_ORDER_BYTES) throw new OrderError("is larger than any order.");
  const order = parseJson(decodeUtf8(proven(data, ORDER_CONTEXT, authority, "the office's authority key")) ?? "");
  const strange = new OrderError("says what no order says; make it anew.");
  if (!isObject(order)) throw strange;
  const [format, kind, number] = [order.get("format"), order.get("kind"), order.get("number")];
  if (typeof format !== "string" || typeof kind !== "string") throw strange;
  if (format !== ORDER_FORMAT || (kind !== "hold" && kind !== "release")) {
    throw new OrderError("is of a kind or form that this software does not know; use a newer one.");
  }
  if (typeof number !== "string" || !isOrder(order, kind)) throw strange;
  return { kind, number };
}

function isOrder(order: JsonObject, kind: "hold" | "release"): boolean {
  const scopes: Readonly<Record<string, readonly string[]>> = { journey: ["journey"], span: ["since", "until"], all: [] };
  const scope = order.get("scope");
  const about = kind === "release" ? ["journey", "hold", "manifest_sha256"] : typeof scope === "string" ? scopes[scope] : undefined;
  if (about === undefined) return false;
  const members = kind === "release" ? [...COMMON, ...about] : [...COMMON, "scope", ...about];
  if (order.size !== members.length || !members.every((name) => order.has(name))) return false;
  const [issued, expires, since = 0, until = 0] = ["issued", "expires", "since", "until"].map((name) => (order.has(name) ? timeOf(order.get(name)) : 0));
  if (issued === undefined || expires === undefined || Number.isNaN(since + until)) return false;
  return (
    expires > issued && expires - issued <= MAX_VALID_MS && since <= until &&
    matches(order.get("vehicle"), VEHICLE) && matches(order.get("number"), NUMBER) &&
    isPlain(order.get("who"), 100) && isPlain(order.get("reason"), 500) &&
    (!order.has("journey") || matches(order.get("journey"), JOURNEY)) &&
    ["hold", "manifest_sha256"].every((name) => !order.has(name) || matches(order.get(name), SHA256))
  );
}

interface Answer {
  readonly number: string;
  readonly orderSha256: string;
  readonly outcome: "applied" | "refused";
  readonly said: string;
  readonly journeys: readonly string[];
}

function readAnswer(data: Bytes): readonly [Answer, PublicKey] {
  if (data.length > MAX_ANSWER_BYTES) throw new OrderError("is larger than any answer.");
  const key = namedKey(parseJson(decodeUtf8(data) ?? ""));
  const said = parseJson(decodeUtf8(proven(data, ANSWER_CONTEXT, key, "the recorder that it names")) ?? "");
  const answer = isObject(said) ? answerOf(said) : null;
  if (answer === null) throw new OrderError("says what no answer says; it was altered.");
  if (isObject(said) && said.get("format") !== ANSWER_FORMAT) {
    throw new OrderError("is in a form that this software does not know; use a newer one.");
  }
  return [answer, key];
}

function namedKey(said: Json): PublicKey {
  const name = isObject(said) ? said.get("recorder") : null;
  try {
    if (typeof name === "string") return PublicKey.parse(name);
  } catch (error) {
    if (!(error instanceof KeyError)) throw error;
  }
  throw new OrderError("is no answer of a recorder; it was cut off or altered.");
}

function answerOf(said: JsonObject): Answer | null {
  if (said.size !== ANSWER.length || !ANSWER.every((name) => said.has(name))) return null;
  const [number, orderSha256, outcome] = [said.get("number"), said.get("order_sha256"), said.get("outcome")];
  const [sentence, journeys, ledger] = [said.get("said"), said.get("journeys"), said.get("ledger")];
  if (typeof said.get("format") !== "string" || !matches(said.get("vehicle"), VEHICLE)) return null;
  if (!matches(number, NUMBER) || !matches(orderSha256, SHA256)) return null;
  if (outcome !== "applied" && outcome !== "refused") return null;
  if (typeof sentence !== "string" || Array.from(sentence).length > 1000) return null;
  if (!isArray(journeys) || !journeys.every((one): one is string => matches(one, JOURNEY))) return null;
  if (!isObject(ledger) || ledger.size !== 2 || !matches(ledger.get("head"), SHA256)) return null;
  const seq = ledger.get("seq");
  if (typeof seq !== "bigint" || seq < 1n) return null;
  return { number, orderSha256, outcome, said: sentence, journeys };
}

function matches(value: Json | undefined, pattern: RegExp): value is string {
  return typeof value === "string" && pattern.test(value);
}

function isPlain(value: Json | undefined, most: number): boolean {
  return typeof value === "string" && value.trim() !== "" && Array.from(value).length <= most && !/[\u0000-\u001f\u007f]/.test(value);
}

/** ms since 1970 of a time as orders have it; NaN where it is none. */
function timeOf(value: Json | undefined): number {
  const ms = matches(value, /^[0-9]{4}-/) ? Date.parse(value) : Number.NaN;
  return !Number.isNaN(ms) && new Date(ms).toISOString() === value ? ms : Number.NaN;
}
