/** The newest picture of a queue. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { QueueKey, ShownFormat } from "../../../src/watch/protocol.js";
import { nextPicture, type Picture } from "../connection.js";
import { toRgba } from "./convert.js";
import { isCompressed } from "./readers.js";

/** A larger picture is shown with every second, third, ... pixel. */
const MOST_PIXELS = 960;
/** Ten pictures a second at the most. */
const INTERVAL_MS = 95;
const PAUSE_MS = 500;

interface Shown {
  readonly sequence: number;
  readonly format: ShownFormat;
  readonly perSecond: number;
}

export function PictureView({ queue, label, paused }: { queue: QueueKey; label: string; paused: boolean }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [shown, setShown] = useState<Shown | undefined>(undefined);
  const { device, type, file } = queue;
  useEffect(() => {
    if (paused) return undefined;
    const abort = new AbortController();
    const times: number[] = [];
    void show({ device, type, file }, abort.signal, async (picture) => {
      if (canvas.current === null) return;
      await draw(canvas.current, picture);
      times.push(performance.now());
      if (times.length > 10) times.shift();
      const span = (times.at(-1) ?? 0) - (times[0] ?? 0);
      const perSecond = span > 0 ? ((times.length - 1) * 1000) / span : 0;
      setShown({ sequence: picture.head.sequence, format: picture.head.format, perSecond });
    });
    return () => {
      abort.abort();
    };
  }, [device, type, file, paused]);
  const size = shown === undefined ? "" : `${shown.format.width}×${shown.format.height}`;
  return (
    <figure class="picture">
      <canvas
        ref={canvas}
        role="img"
        aria-label={
          shown === undefined ? `${label}: no picture yet` : `${label}: frame ${shown.sequence}, ${size}`
        }
        data-queue={`${device}/${type}/${file}`}
        data-sequence={shown?.sequence ?? -1}
        width={16}
        height={9}
      />
      <figcaption>
        {shown === undefined ? (
          "no picture yet"
        ) : (
          <>
            <b>{shown.format.fourcc.trim()}</b> {size} · frame {shown.sequence}
            <span class="quiet"> · {shown.perSecond.toFixed(1)}/s shown</span>
          </>
        )}
      </figcaption>
    </figure>
  );
}

async function show(
  queue: QueueKey,
  signal: AbortSignal,
  take: (picture: Picture) => Promise<void>,
): Promise<void> {
  let after = 0;
  while (!signal.aborted) {
    const begun = performance.now();
    try {
      const picture = document.hidden ? undefined : await nextPicture(queue, after, signal);
      if (picture !== undefined && !signal.aborted) {
        after = picture.head.number;
        await take(picture);
      }
    } catch {
      // The driver has gone, or the picture cannot be decoded: the next one may.
      await sleep(PAUSE_MS);
    }
    await sleep(document.hidden ? PAUSE_MS : Math.max(10, INTERVAL_MS - (performance.now() - begun)));
  }
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function draw(canvas: HTMLCanvasElement, { head, bytes }: Picture): Promise<void> {
  const context = canvas.getContext("2d");
  if (context === null) return;
  if (isCompressed(head.format.pixelformat)) {
    const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/jpeg" }));
    canvas.width = bitmap.width;
    canvas.height = bitmap.height;
    context.drawImage(bitmap, 0, 0);
    bitmap.close();
    return;
  }
  const rgba = toRgba(head.format, bytes, head.planes, MOST_PIXELS);
  if (rgba === undefined) return;
  if (canvas.width !== rgba.width || canvas.height !== rgba.height) {
    canvas.width = rgba.width;
    canvas.height = rgba.height;
  }
  context.putImageData(new ImageData(rgba.data, rgba.width, rgba.height), 0, 0);
}
