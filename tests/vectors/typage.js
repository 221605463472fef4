// age's second implementation (npm `age-encryption`, by the format's author) as a program: one JSON object a line in,
// one out. {"encrypt" | "decrypt": base64, "armor": bool, "recipients" | "identities" | "passphrases": [text]}
// -> {"data": base64} or {"error": text}.
import { createInterface } from "node:readline";
import { Decrypter, Encrypter, armor } from "age-encryption";

async function encrypt({ encrypt: data, recipients = [], passphrases = [], armor: armored }) {
  const encrypter = new Encrypter();
  for (const recipient of recipients) encrypter.addRecipient(recipient);
  for (const passphrase of passphrases) encrypter.setPassphrase(passphrase);
  const file = await encrypter.encrypt(Buffer.from(data, "base64"));
  return armored ? Buffer.from(armor.encode(file)) : Buffer.from(file);
}

async function decrypt({ decrypt: data, identities = [], passphrases = [], armor: armored }) {
  const decrypter = new Decrypter();
  for (const identity of identities) decrypter.addIdentity(identity);
  for (const passphrase of passphrases) decrypter.addPassphrase(passphrase);
  const file = Buffer.from(data, "base64");
  return Buffer.from(await decrypter.decrypt(armored ? armor.decode(file.toString("utf8")) : file));
}

for await (const line of createInterface({ input: process.stdin })) {
  const task = JSON.parse(line);
  let answer;
  try {
    answer = { data: (await ("encrypt" in task ? encrypt(task) : decrypt(task))).toString("base64") };
  } catch (error) {
    answer = { error: String(error) };
  }
  console.log(JSON.stringify(answer));
}
