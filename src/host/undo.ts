/** Takes back what was done, last things first. */
export class Undo {
  private readonly steps: (() => Promise<void>)[] = [];

  add(step: () => Promise<void>): void {
    this.steps.push(step);
  }

  /** Forgets everything: what was done is to stay. */
  clear(): void {
    this.steps.length = 0;
  }

  /** Runs every step, also when one fails; the first failure is thrown at the end. */
  async run(): Promise<void> {
    let failure: unknown;
    for (const step of this.steps.splice(0).reverse()) {
      try {
        await step();
      } catch (error) {
        failure ??= error;
      }
    }
    if (failure !== undefined) throw failure;
  }
}
