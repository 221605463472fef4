/** How loud it is now: the samples that are heard, ten times a second while it plays (Web Audio). */
const FLOOR_DB = -60;

export class Meter {
  #context: AudioContext | null = null;
  #analyser: AnalyserNode | null = null;
  #samples = new Float32Array(0);
  #frame = 0;

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly bar: HTMLElement,
  ) {
    video.addEventListener("play", () => this.#begin());
    video.addEventListener("pause", () => this.#rest());
  }

  close(): void {
    cancelAnimationFrame(this.#frame);
    void this.#context?.close();
  }

  /** Browsers give sound after a person's act only, and play is one. */
  #begin(): void {
    if (this.#context === null) {
      this.#context = new AudioContext();
      this.#analyser = this.#context.createAnalyser();
      this.#analyser.fftSize = 2048;
      this.#samples = new Float32Array(this.#analyser.fftSize);
      const source = this.#context.createMediaElementSource(this.video);
      source.connect(this.#analyser);
      source.connect(this.#context.destination);
    }
    void this.#context.resume();
    cancelAnimationFrame(this.#frame);
    this.#draw();
  }

  #draw(): void {
    this.#analyser?.getFloatTimeDomainData(this.#samples);
    const power = this.#samples.reduce((sum, value) => sum + value * value, 0) / Math.max(this.#samples.length, 1);
    const level = Math.min(1, Math.max(0, 1 - (10 * Math.log10(power + 1e-9)) / FLOOR_DB));
    this.bar.style.transform = `scaleX(${level.toFixed(3)})`;
    this.bar.dataset["level"] = level.toFixed(2);
    this.#frame = requestAnimationFrame(() => this.#draw());
  }

  #rest(): void {
    cancelAnimationFrame(this.#frame);
    this.bar.style.transform = "scaleX(0)";
  }
}
