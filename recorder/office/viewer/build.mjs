// Makes dist/viewer.html: one file, with script, style and worker in it, that loads nothing.
//
//   node build.mjs                   dist/viewer.html
//   node build.mjs --tests           the node tests of tests/viewer as dist/tests/*.mjs as well
//
// Rules: a fresh build of the same sources is the same file, byte for byte; the page's own policy names the hashes of
// its one script and its one style, so whatever else gets into it does not run; licences of others stay in it.
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const tests = join(here, "../../../tests/viewer");
const common = {
  absWorkingDir: here,
  bundle: true,
  write: false,
  minify: true,
  charset: "ascii",
  target: ["chrome115", "firefox115"],
  legalComments: "none", // they stand together, behind the page
  logLevel: "warning",
};

/** `import source from "bundled:../worker.ts"`: the whole worker as a text, for a blob. */
const bundledText = {
  name: "bundled-text",
  setup(esbuild) {
    esbuild.onResolve({ filter: /^bundled:/ }, (found) => ({
      path: join(found.resolveDir, found.path.slice("bundled:".length)),
      namespace: "bundled",
    }));
    esbuild.onLoad({ filter: /.*/, namespace: "bundled" }, async ({ path }) => ({
      contents: await bundled(path, { format: "iife" }),
      loader: "text",
    }));
  },
};

/** Of the packages that went into anything that was bundled: the folders of their licences. */
const packages = new Set();

async function bundled(entry, options) {
  const result = await build({ ...common, ...options, entryPoints: [entry], plugins: [bundledText], metafile: true });
  for (const path of Object.keys(result.metafile.inputs)) {
    const name = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1];
    if (name !== undefined) packages.add(name);
  }
  return result.outputFiles[0].text;
}

/** The licences of what is in the page, which ask to go along with it. */
async function licences() {
  const texts = [...packages].sort().map(async (name) => {
    const folder = join(here, "node_modules", name);
    const file = (await readdir(folder)).find((each) => /^licen[cs]e/i.test(each));
    if (file === undefined) throw new Error(`${name} comes without its licence`);
    return `${name}\n\n${(await readFile(join(folder, file), "utf8")).trim()}\n`;
  });
  const text = (await Promise.all(texts)).join("\n").replaceAll("--", "- -"); // which would end the comment
  return `<!--\nThis page contains parts of:\n\n${text}-->\n`;
}

/** `'sha256-…'` of what stands between the tags of an element (CSP level 3, "Does element match source list"). */
function hashSource(text) {
  return `'sha256-${createHash("sha256").update(text, "utf8").digest("base64")}'`;
}

function policy(script, style) {
  return [
    "default-src 'none'",
    `script-src ${hashSource(script)} 'wasm-unsafe-eval'`, // WebAssembly made by that very script, of bytes in it
    `style-src ${hashSource(style)}`,
    "worker-src blob:", // the worker, from a text in that very script
    "media-src blob:", // what MediaSource plays
    "img-src blob: data:", // stills
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
}

async function page() {
  const template = await readFile(join(here, "src/ui/index.html"), "utf8");
  const code = await bundled("src/ui/main.ts", { format: "iife" });
  const script = code.replaceAll("</script", "<\\/script").replaceAll("<!--", "<\\!--"); // which would end it, or not
  const css = await build({ ...common, entryPoints: ["src/ui/style.css"] });
  const style = css.outputFiles[0].text;
  const parts = { "%CSP%": policy(script, style), "%STYLE%": style, "%SCRIPT%": script };
  for (const mark of Object.keys(parts)) {
    if (template.split(mark).length !== 2) throw new Error(`src/ui/index.html must have ${mark} once`);
  }
  return template.replace(/%(?:CSP|STYLE|SCRIPT)%/g, (mark) => parts[mark]) + (await licences());
}

/** Whole or not at all: a build that is cut leaves the page of before. */
async function put(path, text) {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(`${path}.part`, text);
  await rename(`${path}.part`, path);
}

async function nodeTests() {
  const names = (await readdir(tests, { recursive: true })).filter((name) => name.endsWith(".node.ts"));
  await Promise.all(
    names.map(async (name) => {
      const options = { format: "esm", platform: "node", minify: false, nodePaths: [join(here, "node_modules")] };
      await put(join(here, "dist/tests", name.replace(/\.node\.ts$/, ".mjs")), await bundled(join(tests, name), options));
    }),
  );
}

if (process.argv.includes("--tests")) await nodeTests();
else await put(join(here, "dist/viewer.html"), await page());
