/**
 * The office's key that signs: `authority.key`, as keygen wrote it, with or without a passphrase.
 *
 * PKCS #8 in PEM (RFC 7468); under a passphrase PBES2 with PBKDF2, HMAC-SHA-256 and AES-256-CBC (RFC 8018), which is
 * what `cryptography` and `openssl` write. Rules: the secret is in closures only; what is wrong is told apart from a
 * passphrase that is.
 */

import { type Bytes, fromBase64, latin1, toBase64 } from "../crypto/bytes.ts";
import { publicKeyOfSeed, signWith } from "../crypto/sodium.ts";
import { type Authority, Refusal } from "../model.ts";
import { children, type Der, derIn, isOid, numberIn } from "./der.ts";

const PUBLIC_PREFIX = "cabin-authority-1:";
const MOST_ROUNDS = 10_000_000; // beyond, a hostile file would hold us for minutes
/** What stands before the 32 bytes of an Ed25519 key in PKCS #8 (RFC 8410, section 7). */
const ED25519 = [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
const SEED_BYTES = 32;

export interface Signer {
  readonly publicKey: Bytes;
  /** As `authority.pub` has it. */
  readonly publicText: string;
  sign(data: Uint8Array): Bytes;
}

/** Throws Refusal. */
export async function readAuthority({ pem, passphrase }: Authority): Promise<Signer> {
  const match = /-----BEGIN (ENCRYPTED )?PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END \1?PRIVATE KEY-----/.exec(latin1(pem));
  const binary = match === null ? null : fromBase64((match[2] ?? "").replace(/\s/g, ""));
  if (match === null || binary === null) none();
  if (match[1] !== undefined && passphrase === "") {
    throw new Refusal("needs-passphrase", "The authority key is protected; type its passphrase.");
  }
  const der = match[1] === undefined ? binary : await unprotected(binary, passphrase);
  const isEd25519 = der.length === ED25519.length + SEED_BYTES && ED25519.every((byte, at) => byte === der[at]);
  if (!isEd25519) none();
  const seed = der.slice(ED25519.length);
  const publicKey = publicKeyOfSeed(seed);
  return { publicKey, publicText: PUBLIC_PREFIX + toBase64(publicKey), sign: (data) => signWith(seed, data) };
}

function none(): never {
  throw new Refusal("not-a-key", "This is not the authority key that keygen made; choose authority.key.");
}

/** EncryptedPrivateKeyInfo (RFC 5958) of PBES2. */
async function unprotected(binary: Bytes, passphrase: string): Promise<Bytes> {
  const protection = protectionIn(binary);
  if (protection === null) none();
  const { salt, rounds, iv, sealed } = protection;
  const typed = await crypto.subtle.importKey("raw", new TextEncoder().encode(passphrase), "PBKDF2", false, ["deriveKey"]);
  const key = await crypto.subtle.deriveKey(
    { name: "PBKDF2", hash: "SHA-256", salt, iterations: rounds },
    typed,
    { name: "AES-CBC", length: 256 },
    false,
    ["decrypt"],
  );
  const opened = await crypto.subtle.decrypt({ name: "AES-CBC", iv }, key, sealed).catch(() => null);
  // One wrong passphrase in some hundreds leaves a padding that looks right, and nothing behind it that is a key.
  if (opened === null || new Uint8Array(opened)[0] !== ED25519[0]) {
    throw new Refusal("wrong-passphrase", "The passphrase does not open the authority key; try again.");
  }
  return new Uint8Array(opened);
}

interface Protection {
  readonly salt: Bytes;
  readonly rounds: number;
  readonly iv: Bytes;
  readonly sealed: Bytes;
}

function protectionIn(binary: Bytes): Protection | null {
  const [algorithm, sealed] = children(derIn(binary));
  const [scheme, parameters] = children(algorithm);
  const [derivation, cipher] = children(parameters);
  const [function_, how] = children(derivation);
  const [cipherName, iv] = children(cipher);
  const [salt, rounds, ...more] = children(how);
  const hash = children(more.at(-1))[0]; // a length may stand before it
  const areKnown =
    isOid(scheme, "1.2.840.113549.1.5.13") && // PBES2
    isOid(function_, "1.2.840.113549.1.5.12") && // PBKDF2
    isOid(hash, "1.2.840.113549.2.9") && // HMAC-SHA-256
    isOid(cipherName, "2.16.840.1.101.3.4.1.42"); // AES-256-CBC
  const count = numberIn(rounds);
  if (!areKnown || count === null || count < 1 || count > MOST_ROUNDS) return null;
  const [saltBytes, ivBytes, sealedBytes] = [octets(salt), octets(iv), octets(sealed)];
  if (saltBytes === null || ivBytes?.length !== 16 || sealedBytes === null) return null;
  return { salt: saltBytes, rounds: count, iv: ivBytes, sealed: sealedBytes };
}

function octets(one: Der | undefined): Bytes | null {
  return one?.tag === 0x04 ? one.content : null;
}
