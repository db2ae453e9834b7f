import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

// docs/overlays.md tells partners how to use the kit: what it names is there.
test("the documentation names what the kit has", async () => {
  const [, section] = readFileSync("../../docs/overlays.md", "utf8").split(/^## In a page$/m);
  const code = /```js\n(.*?)```/s.exec(section!)![1]!;
  let names = 0;
  for (const [, list, file] of code.matchAll(/^import \{ (.+) \} from "\.\/(.+)";$/gm)) {
    const module = (await import(pathToFileURL(`kit/${file!}`).href)) as Record<string, unknown>;
    for (const name of list!.split(", ")) {
      assert.equal(typeof module[name], "function", `${file!} has ${name}`);
      names++;
    }
  }
  assert.equal(names, 3);
  for (const [, object, method] of code.matchAll(/(states|cards)\.(\w+)\(/g)) {
    const type = object === "states" ? "States" : "Cards";
    const module = (await import(pathToFileURL(`kit/${object!}.js`).href)) as Record<string, { prototype: Record<string, unknown> }>;
    assert.equal(typeof module[type]!.prototype[method!], "function", `${type}.${method!}`);
  }
  for (const [file] of section!.matchAll(/(?<=`)\w+\.(js|css)(?=`)/g)) assert.ok(existsSync(`kit/${file}`), file);
});
