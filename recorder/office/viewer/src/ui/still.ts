/** The picture that is shown, in full size, as a PNG that says when and of what it is. */
import type { Journey } from "../model.ts";
import type { Bytes } from "../media/boxes.ts";
import { withWords } from "../media/png.ts";
import { clockOf, dayOf, fileNameOf } from "./format.ts";
import { segmentUnder } from "./lanes.ts";

export interface Still {
  readonly name: string;
  readonly data: Bytes;
  /** When it was, for people. */
  readonly when: string;
}

/** Null where there is no picture. `atS`: when it was taken. */
export async function takeStill(video: HTMLVideoElement, journey: Journey, atS: number): Promise<Still | null> {
  if (video.readyState < 2 || video.videoWidth === 0) return null;
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  canvas.getContext("2d")?.drawImage(video, 0, 0);
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/png"));
  if (blob === null) return null;
  const when = [dayOf(journey.zeroUtcMs, atS), clockOf(journey.zeroUtcMs, atS, true)].filter(Boolean).join(" ");
  const segment = segmentUnder(journey, atS);
  const words = {
    "Creation Time": `${when} UTC by the recorder's clock`,
    Source: `${journey.vehicle}, journey ${journey.name}, ${segment?.name ?? ""}, second ${atS.toFixed(3)}`,
    Comment: segment?.sha256 ? `SHA-256 of the segment's body as the recorder signed it: ${segment.sha256}` : "The recorder signed no hash of this segment.",
    Software: "cabin-recorder viewer",
  };
  const data = withWords(new Uint8Array(await blob.arrayBuffer()), words);
  return { name: `${fileNameOf(`${journey.vehicle}-${when.replaceAll(":", "")}`)}.png`, data, when };
}
