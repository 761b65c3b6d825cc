/** A media request as vb2 sees it, moved through its states by the test. */
import type { MediaRequest, RequestObject, RequestState } from "../../src/v4l2/index.js";
import { V4l2Error } from "../../src/v4l2/index.js";

export class FakeRequest implements MediaRequest {
  state: RequestState = "idle";
  readonly name = "1:3";
  objects: RequestObject[] = [];
  completed: RequestObject[] = [];

  find(owner: object): RequestObject | undefined {
    return this.objects.find((object) => object.owner === owner);
  }

  bind(object: RequestObject): void {
    if (this.state !== "idle") throw new V4l2Error("EBUSY", `request is ${this.state}`);
    this.objects.push(object);
  }

  unbind(object: RequestObject): void {
    this.objects = this.objects.filter((other) => other !== object);
    object.unbind?.();
    if (this.state === "queued" && this.objects.every((other) => this.completed.includes(other))) {
      this.state = "complete";
    }
  }

  complete(object: RequestObject): void {
    this.completed.push(object);
  }

  /** MEDIA_REQUEST_IOC_QUEUE. */
  queue(): void {
    this.state = "validating";
    const prepared: RequestObject[] = [];
    try {
      for (const object of this.objects) {
        object.prepare?.();
        prepared.push(object);
      }
    } catch (error) {
      for (const object of prepared.reverse()) object.unprepare?.();
      this.state = "idle";
      throw error;
    }
    this.state = "queued";
    for (const object of [...this.objects]) object.queue?.();
  }

  /** MEDIA_REQUEST_IOC_REINIT, or the last close. */
  clean(): void {
    for (const object of this.objects.splice(0)) {
      object.unbind?.();
      object.release?.();
    }
    this.completed = [];
    this.state = "idle";
  }
}
