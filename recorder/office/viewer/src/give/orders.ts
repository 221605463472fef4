/**
 * Orders to a vehicle: *hold* and *release*, a file each for the stick (`recorder/export/README.md`, "Orders from the
 * office").
 *
 * Rules: what a recorder would refuse is refused here, in a sentence; a release quotes the hold and the manifest of a
 * copy that is attested, and nothing else can be released; a number is random and never comes again; an order goes along
 * with the line of the register that says so. A journey is named by its folder, which tells a finder of the stick nothing.
 */

import { vehicleFolder } from "../bundle/manifest.ts";
import { type Bytes, hex, toBase64, utf8 } from "../crypto/bytes.ts";
import { sha256Hex } from "../crypto/hashing.ts";
import { type OrderFile, type OrderRequest, Refusal, type SegmentState } from "../model.ts";
import { readAuthority, type Signer } from "./authority.ts";
import { appended, whole } from "./register.ts";

const ORDERED = "ordered";
const FORMAT = "cabin-recorder-order-1";
const CONTEXT = "cabin-recorder order 1\n";
const FOLDER = "CABIN-ORDERS";
const NUMBER_BYTES = 16;
const MAX_BYTES = 4096;
const MAX_VALID_MS = 31 * 86_400_000;
const VEHICLE = /^[A-Za-z0-9][A-Za-z0-9 ._-]{0,31}$/;
const JOURNEY = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;
const SHA256 = /^[0-9a-f]{64}$/;

const NOT_WHOLE: readonly SegmentState[] = ["unchecked", "altered", "missing", "unknown"];

type Members = Readonly<Record<string, string>>;

/** The file for the stick. Throws Refusal. */
export async function orderFile(request: OrderRequest): Promise<OrderFile> {
  const number = hex(crypto.getRandomValues(new Uint8Array(NUMBER_BYTES)));
  const members = membersOf(request, number);
  const signer = await readAuthority(request.authority);
  const { path, bytes } = rendered(members, signer);
  const { format: _, ...said } = members;
  const data = new Map(Object.entries({ ...said, order_sha256: sha256Hex(bytes) }));
  return { path, bytes, register: appended(request.register, signer, ORDERED, data, request.nowMs) };
}

/** What the order says, in the order of the format. Throws Refusal. */
export function membersOf(request: OrderRequest, number: string): Members {
  const { kind, vehicle, nowMs, expiresMs } = request;
  if (!VEHICLE.test(vehicle)) incomplete("An order needs the vehicle's name, as its recorder has it.");
  if (!(expiresMs > nowMs && expiresMs - nowMs <= MAX_VALID_MS)) {
    incomplete("An order must expire, within 31 days; give a day.");
  }
  return {
    format: FORMAT,
    kind,
    vehicle,
    number,
    issued: isoOf(nowMs),
    expires: isoOf(expiresMs),
    who: plain(request.who, 100, "who orders it"),
    reason: plain(request.reason, 500, "the reason"),
    ...(request.kind === "hold" ? holdMembers(request) : releaseMembers(request)),
  };
}

/** One line of JSON, its last member the signature over what is before. */
export function rendered(members: Members, signer: Signer): { readonly path: string; readonly bytes: Bytes } {
  const unsigned = JSON.stringify(members);
  const signature = toBase64(signer.sign(utf8(CONTEXT + unsigned)));
  const bytes = utf8(`${unsigned.slice(0, -1)},"sig":"${signature}"}\n`);
  if (bytes.length > MAX_BYTES) incomplete("The order is too long; shorten its reason.");
  const { vehicle = "", number = "" } = members;
  return { path: `${FOLDER}/${vehicleFolder(vehicle)}/${number}.order.json`, bytes };
}

function holdMembers({ what }: Extract<OrderRequest, { kind: "hold" }>): Members {
  if (what.of === "everything") return { scope: "all" };
  if (what.of === "journey") return { scope: "journey", journey: journeyName(what.journey) };
  if (!(what.fromMs <= what.untilMs)) incomplete("The span ends before it begins; give both times again.");
  return { scope: "span", since: isoOf(what.fromMs), until: isoOf(what.untilMs) };
}

function releaseMembers({ journey }: Extract<OrderRequest, { kind: "release" }>): Members {
  const hold = journey.hold?.isReleased === false ? journey.hold.sha256 : "";
  if (!SHA256.test(hold)) incomplete("Only a held journey can be released, and by its log this one is not held.");
  const isWhole = journey.segments.every(({ state }) => !NOT_WHOLE.includes(state));
  if (journey.knownAs === "" || !isWhole || !SHA256.test(journey.manifestSha256)) {
    incomplete("Only a journey of which you have an attested copy can be released; check it first, or export it again.");
  }
  return { journey: journeyName(journey.folder), hold, manifest_sha256: journey.manifestSha256 };
}

function journeyName(name: string): string {
  return JOURNEY.test(name) ? name : incomplete("An order needs the journey's id, or the name of its folder.");
}

function plain(typed: string, most: number, what: string): string {
  const text = whole(typed.trim());
  const isPlain = text !== "" && Array.from(text).length <= most && !/[\u0000-\u001f\u007f]/.test(text);
  return isPlain ? text : incomplete(`An order says ${what}, in 1 to ${most} characters on one line.`);
}

function isoOf(ms: number): string {
  const date = new Date(ms);
  const isKnown = !Number.isNaN(date.getTime()) && date.getUTCFullYear() >= 1 && date.getUTCFullYear() <= 9999;
  return isKnown ? date.toISOString() : incomplete("The order has a time that no calendar has; give it again.");
}

function incomplete(sentence: string): never {
  throw new Refusal("incomplete", sentence);
}
