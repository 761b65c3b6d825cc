/**
 * The layer rule of docs/architecture.md: imports point down, and into another layer only through its index.ts. The files
 * right under src (linux.ts, native.ts, present.ts, process-stat.ts, settle.ts) and src/uapi are below all layers.
 */
const layers = {
  uapi: [],
  cuse: [],
  graft: [],
  tpg: [],
  v4l2: [],
  codec: ["v4l2"],
  media: ["v4l2"],
  vb2: ["v4l2", "media"],
  subdev: ["v4l2", "media"],
  events: ["v4l2", "media"],
  watch: ["events", "v4l2", "media"],
  replay: ["events", "v4l2", "media"],
  serve: ["cuse", "graft", "v4l2", "media"],
  m2m: ["serve", "vb2", "v4l2", "media"],
  stateless: ["codec", "m2m", "vb2", "v4l2", "media"],
  sample: ["tpg", "vb2", "v4l2", "media", "subdev"],
  loopback: ["convert", "tpg", "vb2", "v4l2"],
  visl: ["tpg", "stateless", "codec", "m2m", "vb2", "v4l2", "media"],
  worker: [],
  convert: ["worker", "v4l2"],
  decoder: ["worker", "stateless", "codec", "m2m", "vb2", "v4l2", "media"],
  cli: [
    ...["watch", "replay", "events", "convert", "visl", "decoder", "sample", "loopback", "stateless", "codec"],
    ...["m2m", "serve", "vb2", "media", "v4l2", "cuse", "tpg"],
  ],
};

const rules = Object.entries(layers).map(([layer, below]) => ({
  name: `${layer}-points-down`,
  severity: "error",
  from: { path: `^src/${layer}/` },
  to: {
    path: "^src/[^/]+/",
    pathNot: [`^src/${layer}/`, "^src/uapi/", ...below.map((other) => `^src/${other}/`)],
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
      to: {
        path: "^src/[^/]+/.+",
        pathNot: ["^src/$1/", "^src/[^/]+/index\\.ts$", "^src/v4l2/gen/index\\.ts$", "^src/uapi/"],
      },
    },
    {
      name: "raw-structs-below-the-drivers",
      comment: "media.h is the media controller's own uAPI, and the door reads a few arguments, a replay plays them; drivers see plain values.",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/(v4l2|media|serve|replay)/" },
      to: { path: "^src/v4l2/gen/" },
    },
    {
      name: "nothing-above-the-system-knows-the-layers",
      comment: "linux.ts, native.ts, message-channel.ts, present.ts, process-stat.ts and settle.ts are what the layers stand on.",
      severity: "error",
      from: { path: "^src/(linux|native|message-channel|present|process-stat|settle)\\.ts$" },
      to: { path: "^src/[^/]+/" },
    },
    {
      name: "codec-knows-only-types-of-v4l2",
      comment: "A bitstream can be parsed on any machine: values of controls have the API's types, and no device is there.",
      severity: "error",
      from: { path: "^src/codec/" },
      to: { path: "^src/v4l2/", dependencyTypesNot: ["type-only"] },
    },
    { name: "no-cycles", comment: "Type-only imports count.", severity: "error", from: { path: "^src" }, to: { circular: true } },
    { name: "no-orphans", severity: "error", from: { orphan: true, path: "^src", pathNot: "\\.d\\.ts$" }, to: {} },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsConfig: { fileName: "tsconfig.json" },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "node"] },
  },
};
