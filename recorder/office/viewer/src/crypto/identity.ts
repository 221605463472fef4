/**
 * The office's identity: the file that keygen or age-keygen made, with or without a passphrase.
 *
 * Rules: a secret is in no sentence; what is wrong is told apart, for a mistyped passphrase is an everyday thing and a
 * damaged file is not. The passphrase's part is the age project's own package.
 */

import { bech32 } from "@scure/base";
import { armor, Decrypter, type Identity as Opener, type Stanza } from "age-encryption";
import { scrypt } from "hash-wasm";
import { Refusal } from "../model.ts";
import { type Identity, identityOf } from "./age.ts";
import { type Bytes, concat, decodeUtf8, fromBareBase64, latin1, utf8 } from "./bytes.ts";
import { unsealed } from "./sodium.ts";

const MAX_BYTES = 1 << 20;
const MOST_WORK = 20; // doublings; keygen and age write 18, and more than a gigabyte no page should take
const SALT_BYTES = 16;
const KEY_BYTES = 32;
const MEND = "give the AGE-SECRET-KEY-1... line as age-keygen or `cabin-recorder keygen` wrote it.";

/** Every identity in the file. Throws Refusal. Under a passphrase it takes a second or two, and 256 MiB. */
export async function readIdentities(file: Uint8Array, passphrase: string): Promise<readonly Identity[]> {
  if (file.length > MAX_BYTES) throw new Refusal("not-a-key", "The file is too large for a key; choose identity.txt.");
  const start = latin1(file.subarray(0, 2048)).trimStart();
  const isArmored = start.startsWith("-----BEGIN AGE");
  const isProtected = isArmored || start.startsWith("age-encryption.org/");
  const text = decodeUtf8(isProtected ? await unprotected(file, isArmored, passphrase) : file);
  if (text === null) throw new Refusal("not-a-key", "This is no file of identities; choose the office's identity.txt.");
  const lines = text.split(/\r\n|\r|\n/);
  const identities = lines.flatMap((line, at) =>
    line.trim() === "" || line.startsWith("#") ? [] : [identityOf(secretIn(line, at + 1))],
  );
  if (identities.length === 0) {
    throw new Refusal("not-a-key", "The file holds no identity; choose the office's identity.txt.");
  }
  return identities;
}

/** The 32 bytes of `age1…`; null for anything else. */
export function recipientBytes(text: string): Bytes | null {
  const decoded = bech32.decodeUnsafe(text.trim(), false);
  if (decoded?.prefix !== "age" || !text.trim().startsWith("age1")) return null;
  const bytes = bech32.fromWordsUnsafe(decoded.words);
  return bytes?.length === KEY_BYTES ? (bytes as Bytes) : null;
}

function secretIn(line: string, number: number): Bytes {
  const decoded = bech32.decodeUnsafe(line.trim(), false);
  if (!decoded) throw new Refusal("not-a-key", `Line ${number}: the identity is not valid; ${MEND}`);
  if (decoded.prefix.toLowerCase() === "age") {
    throw new Refusal("not-a-key", `Line ${number}: this is a recipient (age1...), which opens nothing; ${MEND}`);
  }
  const bytes = bech32.fromWordsUnsafe(decoded.words);
  if (decoded.prefix.toLowerCase() !== "age-secret-key-" || bytes?.length !== KEY_BYTES) {
    throw new Refusal("not-a-key", `Line ${number}: this is not an X25519 identity; ${MEND}`);
  }
  return bytes as Bytes;
}

async function unprotected(file: Uint8Array, isArmored: boolean, passphrase: string): Promise<Uint8Array> {
  if (passphrase === "") {
    throw new Refusal("needs-passphrase", "The key is protected; type its passphrase.");
  }
  const binary = isArmored ? dearmored(file) : file;
  const work = /^age-encryption\.org\/v1\n-> scrypt [^ \n]+ ([1-9][0-9]?)\n/.exec(latin1(binary.subarray(0, 512)));
  if (work === null || Number(work[1]) > MOST_WORK) {
    throw new Refusal("not-a-key", "The file is not protected as keygen protects a key; choose identity.txt.");
  }
  const decrypter = new Decrypter();
  decrypter.addIdentity(new Passphrase(passphrase));
  try {
    return await decrypter.decrypt(binary);
  } catch (error) {
    // The package tells these apart by its words alone.
    if (String(error).includes("no identity matched")) {
      throw new Refusal("wrong-passphrase", "The passphrase does not open the key; try again.");
    }
    throw new Refusal("not-a-key", "The key's file is damaged; use the copy from the safe.");
  }
}

/** What the package does itself, in WebAssembly: the wait for it is a third shorter. (C2SP `age.md`, "scrypt".) */
class Passphrase implements Opener {
  constructor(private readonly typed: string) {}

  async unwrapFileKey(stanzas: Stanza[]): Promise<Uint8Array | null> {
    const [stanza, ...others] = stanzas;
    const [kind, saltText = "", work = ""] = stanza?.args ?? [];
    const salt = fromBareBase64(saltText);
    if (stanza === undefined || others.length > 0 || kind !== "scrypt" || salt?.length !== SALT_BYTES) return null;
    const key = await scrypt({
      password: utf8(this.typed),
      salt: concat(utf8("age-encryption.org/v1/scrypt"), salt),
      costFactor: 2 ** Number(work),
      blockSize: 8,
      parallelism: 1,
      hashLength: 32,
      outputType: "binary",
    });
    return unsealed(key, new Uint8Array(12), stanza.body);
  }
}

function dearmored(file: Uint8Array): Uint8Array {
  try {
    return armor.decode(latin1(file));
  } catch {
    throw new Refusal("not-a-key", "The key's file is damaged; use the copy from the safe.");
  }
}
