/** What reads every byte waits for the first picture; but a journey that shows none keeps it waiting for seconds only. */

const AT_MOST_MS = 3000;

/** Call `act` once `video` has shown a picture, or after three seconds without one. Never after `signal`. May call twice. */
export function afterFirstPicture(video: HTMLVideoElement, signal: AbortSignal, act: () => void): void {
  video.addEventListener("loadeddata", act, { once: true, signal });
  const timer = setTimeout(act, AT_MOST_MS);
  signal.addEventListener("abort", () => clearTimeout(timer));
}
