/** Looking closer: the wheel, two keys, or a drag. The picture is never moved out of its frame. */
export class Zoom {
  #factor = 1;
  #x = 0; // of the picture's middle, as parts of the frame: 0 is centred
  #y = 0;

  constructor(
    private readonly frame: HTMLElement,
    private readonly picture: HTMLElement,
    private readonly changed: (factor: number) => void,
  ) {
    frame.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    frame.addEventListener("pointerdown", (event) => this.#drag(event));
  }

  get factor(): number {
    return this.#factor;
  }

  /** `towards`: a point of the frame that stays where it is, as parts of it from its middle. */
  by(factor: number, towards: { x: number; y: number } = { x: 0, y: 0 }): void {
    const next = Math.min(Math.max(this.#factor * factor, 1), 12);
    const change = next / this.#factor;
    this.#x = towards.x + (this.#x - towards.x) * change;
    this.#y = towards.y + (this.#y - towards.y) * change;
    this.#factor = next;
    this.#apply();
  }

  pan(x: number, y: number): void {
    this.#x += x;
    this.#y += y;
    this.#apply();
  }

  reset(): void {
    this.#factor = 1;
    this.#apply();
  }

  #apply(): void {
    const room = (this.#factor - 1) / 2;
    this.#x = Math.min(Math.max(this.#x, -room), room);
    this.#y = Math.min(Math.max(this.#y, -room), room);
    this.picture.style.transform = `translate(${this.#x * 100}%, ${this.#y * 100}%) scale(${this.#factor})`;
    this.frame.classList.toggle("zoomed", this.#factor > 1);
    this.changed(this.#factor);
  }

  #wheel(event: WheelEvent): void {
    event.preventDefault();
    const box = this.frame.getBoundingClientRect();
    const towards = { x: (event.clientX - box.left) / box.width - 0.5, y: (event.clientY - box.top) / box.height - 0.5 };
    this.by(Math.exp(-event.deltaY * (event.deltaMode === 0 ? 0.002 : 0.06)), towards);
  }

  #drag(event: PointerEvent): void {
    if (this.#factor === 1 || event.button !== 0) return;
    const { frame } = this;
    const box = frame.getBoundingClientRect();
    let { clientX, clientY } = event;
    frame.setPointerCapture(event.pointerId);
    const move = (now: PointerEvent): void => {
      this.pan((now.clientX - clientX) / box.width, (now.clientY - clientY) / box.height);
      ({ clientX, clientY } = now);
    };
    frame.addEventListener("pointermove", move);
    frame.addEventListener("pointerup", () => frame.removeEventListener("pointermove", move), { once: true });
    frame.addEventListener("pointercancel", () => frame.removeEventListener("pointermove", move), { once: true });
  }
}
