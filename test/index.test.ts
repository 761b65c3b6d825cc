/** What drivers get from the package, what they do not, and that all of it is explained. */
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { describe, expect, it } from "vitest";
import * as library from "../src/index.js";

const names = Object.keys(library);

describe("the package's values", () => {
  it.each(["M2mDevice", "VideoDevice", "VideoQueue", "ControlHandler", "MediaDevice", "V4l2Error", "tpg"])(
    "have %s",
    (name) => {
      expect(names).toContain(name);
    },
  );

  it("are not raw structs, clients' memory, sockets or the helper's protocol", () => {
    expect(
      names.filter((name) => /View$|^HELPER|^parse|^emit|Client|ProcessMemory|ArgWriter/.test(name)),
    ).toEqual([]);
  });
});

it("every export has a doc comment", { timeout: 60_000 }, () => {
  const root = fileURLToPath(new URL("../", import.meta.url));
  const { config } = ts.readConfigFile(`${root}tsconfig.json`, (path) => ts.sys.readFile(path)) as {
    config: unknown;
  };
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
  const entry = `${root}src/index.ts`;
  const program = ts.createProgram([entry], options);
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(entry);
  const module = source && checker.getSymbolAtLocation(source);
  if (module === undefined) throw new Error("src/index.ts exports nothing");
  const resolve = (symbol: ts.Symbol): ts.Symbol =>
    (symbol.flags & ts.SymbolFlags.Alias) === 0 ? symbol : checker.getAliasedSymbol(symbol);
  const bare = checker
    .getExportsOfModule(module)
    .filter(({ name }) => name !== "tpg")
    .filter((symbol) => resolve(symbol).getDocumentationComment(checker).length === 0)
    .map(({ name }) => name);
  expect(bare).toEqual([]);
});
