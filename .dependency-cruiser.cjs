/** The layer rule of docs/architecture.md: imports point down, and into another layer only through its index.ts. */
const layers = {
  cuse: [],
  graft: [],
  tpg: [],
  v4l2: ["cuse", "graft"],
  codec: ["v4l2"],
  media: ["v4l2", "cuse"],
  vb2: ["v4l2", "media"],
  m2m: ["vb2", "v4l2", "media"],
  sample: ["tpg", "vb2", "v4l2", "media"],
  visl: ["tpg", "m2m", "vb2", "v4l2", "media"],
  cli: ["visl", "sample", "m2m", "vb2", "media", "v4l2", "cuse", "tpg"],
};

const rules = Object.entries(layers).map(([layer, below]) => ({
  name: `${layer}-points-down`,
  severity: "error",
  from: { path: `^src/${layer}/` },
  to: {
    path: "^src/[^/]+/",
    pathNot: [`^src/${layer}/`, ...below.map((other) => `^src/${other}/`)],
  },
}));

module.exports = {
  forbidden: [
    ...rules,
    {
      name: "only-through-index",
      comment: "A layer's index.ts is its promise; everything else in the folder may change.",
      severity: "error",
      from: { path: "^src/([^/]+)/" },
      to: { path: "^src/[^/]+/.+", pathNot: ["^src/$1/", "^src/[^/]+/index\\.ts$", "^src/v4l2/gen/index\\.ts$"] },
    },
    {
      name: "generated-bindings-stay-in-v4l2",
      comment: "The names of flags are for codecs, too. media.h is the media controller's own uAPI; nobody else sees a raw struct.",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/(v4l2|media|codec)/" },
      to: { path: "^src/v4l2/gen/" },
    },
    {
      name: "one-adapter-between-v4l2-and-cuse",
      comment: "V4L2 meets the wire in char-device.ts, and in what puts files into clients.",
      severity: "error",
      from: { path: "^src/v4l2/", pathNot: "^src/v4l2/(char-device|client-files|grafting)\\.ts$" },
      to: { path: "^src/(cuse|graft)/" },
    },
    {
      name: "codec-knows-only-types-of-v4l2",
      comment: "A bitstream can be parsed on any machine: values of controls have the API's types, and no device is there.",
      severity: "error",
      from: { path: "^src/codec/" },
      to: { path: "^src/v4l2/", dependencyTypesNot: ["type-only"] },
    },
    { name: "no-cycles", severity: "error", from: { path: "^src" }, to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } } },
    { name: "no-orphans", severity: "error", from: { orphan: true, path: "^src", pathNot: "\\.d\\.ts$" }, to: {} },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsConfig: { fileName: "tsconfig.json" },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "node"] },
  },
};
