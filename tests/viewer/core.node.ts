// The core's parts by themselves, for test_core.py: a list of tasks in JSON on standard input, their answers on standard output.

import { createHash, webcrypto } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { basename, join, relative } from "node:path";
import { identityOf } from "../../recorder/office/viewer/src/crypto/age.ts";
import { newSha256, sha256Hex } from "../../recorder/office/viewer/src/crypto/hashing.ts";
import { readIdentities } from "../../recorder/office/viewer/src/crypto/identity.ts";
import { publicKeyOfSeed, signWith, whenReady } from "../../recorder/office/viewer/src/crypto/sodium.ts";
import { hex } from "../../recorder/office/viewer/src/crypto/bytes.ts";
import { parseJson, renderJson } from "../../recorder/office/viewer/src/bundle/json.ts";
import { quoted } from "../../recorder/office/viewer/src/bundle/text.ts";
import { look } from "../../recorder/office/viewer/src/bundle/contents.ts";
import { answersIn } from "../../recorder/office/viewer/src/verify/answers.ts";
import { Trust } from "../../recorder/office/viewer/src/verify/trust.ts";
import { tenths } from "../../recorder/office/viewer/src/verify/findings.ts";
import { membersOf, orderFile, rendered } from "../../recorder/office/viewer/src/give/orders.ts";
import { withEntry } from "../../recorder/office/viewer/src/give/register.ts";
import { type Journey, type OrderRequest, type PickedFile, Refusal, type RegisterRequest } from "../../recorder/office/viewer/src/model.ts";
import { plaintextOf } from "../../recorder/office/viewer/src/plaintext.ts";

type Plain = Record<string, string>;
type Task =
  | { do: "plaintext"; file: string; secret: string; from: number }
  | { do: "identity"; file: string; passphrase: string }
  | { do: "order"; authority: string; passphrase: string; request: OrderRequest }
  | { do: "render order"; seed: string; order: Plain }
  | { do: "register"; authority: string; passphrase: string; request: RegisterRequest; nowMs: number }
  | { do: "answers"; stick: string; known: Plain }
  | { do: "json"; text: string }
  | { do: "repr"; text: string }
  | { do: "tenths"; value: number }
  | { do: "sha256"; pieces: string[] };

function bytesOf(path: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(readFileSync(path));
}

async function answer(task: Task): Promise<unknown> {
  switch (task.do) {
    case "plaintext": {
      const secret = Uint8Array.from(Buffer.from(task.secret, "hex"));
      const { stream, ended } = plaintextOf(new Blob([bytesOf(task.file)]), [identityOf(secret)], task.from);
      const hash = createHash("sha256");
      let sizeBytes = 0;
      for await (const piece of stream) {
        hash.update(piece);
        sizeBytes += piece.length;
      }
      return { sha256: hash.digest("hex"), sizeBytes, ...(await ended) };
    }
    case "identity":
      return (await readIdentities(bytesOf(task.file), task.passphrase)).map(({ recipient }) => hex(recipient));
    case "order": {
      const authority = { pem: bytesOf(task.authority), passphrase: task.passphrase };
      const { path, bytes, register } = await orderFile({ ...task.request, authority });
      return { path, text: new TextDecoder().decode(bytes), register: register.text };
    }
    case "render order": {
      const seed = Uint8Array.from(Buffer.from(task.seed, "hex"));
      const signer = { publicKey: publicKeyOfSeed(seed), publicText: "", sign: (data: Uint8Array) => signWith(seed, data) };
      const { path, bytes } = rendered(membersOf(requestOf(task.order), task.order["number"] ?? ""), signer);
      return { path, text: new TextDecoder().decode(bytes) };
    }
    case "register": {
      const authority = { pem: bytesOf(task.authority), passphrase: task.passphrase };
      return await withEntry({ ...task.request, authority }, task.nowMs);
    }
    case "answers": {
      const orders = look(filesOf(task.stick)).orders ?? new Map();
      const answered = await answersIn(orders, task.known["authority"] ?? "", Trust.read(task.known));
      return answered.map(({ line }) => line);
    }
    case "json":
      return renderJson(parseJson(task.text));
    case "repr":
      return [quoted(task.text), quoted(task.text, true)];
    case "tenths":
      return tenths(task.value);
    case "sha256": {
      const hashing = await newSha256();
      const pieces = task.pieces.map((piece) => Uint8Array.from(Buffer.from(piece, "hex")));
      for (const piece of pieces) hashing.update(piece);
      return [hashing.digest(), sha256Hex(Buffer.concat(pieces))];
    }
  }
}

/** As if the folder had been picked. */
function filesOf(folder: string): PickedFile[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => ({ path: `${basename(folder)}/${relative(folder, path)}`, file: new Blob([bytesOf(path)]) }));
}

/** From an order of the vectors back to what the page would ask for. */
function requestOf(order: Plain): OrderRequest {
  const { journey = "", hold = "", manifest_sha256 = "", since = "", until = "", scope } = order;
  const common = {
    authority: { pem: new Uint8Array(), passphrase: "" },
    register: null,
    vehicle: order["vehicle"] ?? "",
    who: order["who"] ?? "",
    reason: order["reason"] ?? "",
    nowMs: Date.parse(order["issued"] ?? ""),
    expiresMs: Date.parse(order["expires"] ?? ""),
  };
  if (order["kind"] === "release") {
    const held = { folder: journey, knownAs: "Van 3", segments: [], manifestSha256: manifest_sha256, hold: { sha256: hold, isReleased: false } };
    return { ...common, kind: "release", journey: held as unknown as Journey };
  }
  if (scope === "span") return { ...common, kind: "hold", what: { of: "span", fromMs: Date.parse(since), untilMs: Date.parse(until) } };
  return { ...common, kind: "hold", what: scope === "all" ? { of: "everything" } : { of: "journey", journey } };
}

globalThis.crypto ??= webcrypto as Crypto; // older versions of node have it elsewhere
await whenReady();
const answers: unknown[] = [];
for (const task of JSON.parse(readFileSync(0, "utf8")) as Task[]) {
  try {
    answers.push(await answer(task));
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    answers.push({ refused: error.kind, message: error.message });
  }
}
process.stdout.write(JSON.stringify(answers));
