/** How `--device` reads its option, and what the launcher says where it cannot make a device. */
import { describe, expect, it } from "vitest";
import { parseDevice } from "../../src/cli/run/device-option.js";
import { deviceProblem, type Machine } from "../../src/cli/run/prerequisites.js";
import { splitWords } from "../../src/cli/run/words.js";

describe("the words of a device option", () => {
  it.each([
    ["sample", ["sample"]],
    ["  sample \t --multiplanar\n", ["sample", "--multiplanar"]],
    ["a 'b c' \"d e\"", ["a", "b c", "d e"]],
    ["a'b 'c\" d\"", ["ab c d"]],
    ["'' \"\"", ["", ""]],
    [String.raw`a\ b \'c "d\"e\\f\g"`, ["a b", "'c", String.raw`d"e\f\g`]],
    [String.raw`'\' $HOME ~ *`, ["\\", "$HOME", "~", "*"]],
    ["", []],
    ["   ", []],
  ])("of %j are %j", (text, words) => {
    expect(splitWords(text)).toEqual(words);
  });

  it.each([
    ["sample 'x", "a ' is not closed in: sample 'x"],
    ['sample "x', 'a " is not closed in: sample "x'],
    ["sample x\\", '"sample x\\" ends with a backslash'],
  ])("cannot be read of %j", (text, message) => {
    expect(() => splitWords(text)).toThrow(message);
  });
});

describe("the program of a device option", () => {
  /** Without what comes before the driver's own name. */
  const words = (option: string, isLogged: boolean): readonly string[] => {
    const { args } = parseDevice(option, { isLogged });
    return args.slice(args.findIndex((word) => /main\.[jt]s$/.test(word)) + 1);
  };

  it("logs nothing into the client's output, unless the option says so last", () => {
    expect(words("sample --log json", false)).toEqual(["sample", "--log", "none", "--log", "json"]);
  });

  it("logs into a file, and leaves nothing below /run", () => {
    expect(words("visl --kernel 6.12", true)).toEqual(["visl", "--no-debugfs", "--kernel", "6.12"]);
  });

  it("is a module with its arguments", () => {
    expect(words("./dist/camera.js --fast 'a b'", false).slice(-3)).toEqual([
      "./dist/camera.js",
      "--fast",
      "a b",
    ]);
    expect(words("camera.mjs", false).at(-1)).toBe("camera.mjs");
  });

  it("records events, if it is a driver of this package", () => {
    const { args } = parseDevice("loopback --pair", { isLogged: false, record: "/tmp/a" });
    expect(args.slice(-6)).toEqual(["loopback", "--log", "none", "--record", "/tmp/a", "--pair"]);
    expect(() => parseDevice("./camera.js", { isLogged: false, record: "/tmp/a" })).toThrow(
      "--record is for the built-in devices",
    );
  });

  it.each(["nosuch", "", "toString", "run"])("is not %j", (option) => {
    expect(() => parseDevice(option, { isLogged: false })).toThrow(`there is no built-in device "${option}"`);
  });
});

describe("a machine that cannot make a device for a client", () => {
  const machine = (given: Partial<Machine> & { settings?: Record<string, string> } = {}): Machine => ({
    isRoot: false,
    exists: (path) => path === "/dev/fuse",
    mayUse: () => true,
    setting: (name) => given.settings?.[name],
    mayMount: () => false,
    ...given,
  });
  const inContainer = (path: string): boolean => path === "/dev/fuse" || path === "/.dockerenv";

  it("is none where everything is allowed", () => {
    expect(deviceProblem(machine({ mayMount: () => true }))).toBeUndefined();
  });

  it.each<[string, Machine, string]>([
    ["no /dev/fuse", machine({ exists: () => false }), "sudo modprobe fuse"],
    [
      "no /dev/fuse in a container",
      machine({ exists: (path) => path === "/.dockerenv" }),
      "--device /dev/fuse --cap-add SYS_ADMIN",
    ],
    ["a /dev/fuse of root's", machine({ mayUse: () => false }), "sudo chmod 0666 /dev/fuse"],
    ["a container's root", machine({ isRoot: true, exists: inContainer }), "--cap-add SYS_ADMIN"],
    ["a root without rights", machine({ isRoot: true }), "CAP_SYS_ADMIN is missing"],
    [
      "no user namespaces",
      machine({ settings: { "user/max_user_namespaces": "0" } }),
      "sysctl user.max_user_namespaces=10000",
    ],
    [
      "no user namespaces for users",
      machine({ settings: { "kernel/unprivileged_userns_clone": "0" } }),
      "sysctl kernel.unprivileged_userns_clone=1",
    ],
    [
      "AppArmor's restriction",
      machine({ settings: { "kernel/apparmor_restrict_unprivileged_userns": "1" } }),
      "sysctl kernel.apparmor_restrict_unprivileged_userns=0",
    ],
    ["a container's user", machine({ exists: inContainer }), "this container forbids user namespaces"],
    ["an unknown reason", machine(), "use sudo"],
  ])("says what to do: %s", (_what, where, remedy) => {
    expect(deviceProblem(where)).toContain(remedy);
  });
});
