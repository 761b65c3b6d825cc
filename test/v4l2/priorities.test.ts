import { describe, expect, it } from "vitest";
import { Priorities } from "../../src/v4l2/priorities.js";
import { Priority } from "../../src/v4l2/values/types.js";
import { errnoOf } from "./support/fakes.js";

/** v4l2-ioctl.c: v4l2_prio_max, v4l2_prio_check. */
describe("priorities", () => {
  const holder = (priority: Priority): { priority: Priority } => ({ priority });

  it("the highest of all open files counts", () => {
    const priorities = new Priorities();
    expect(priorities.max).toBe(Priority.Unset);
    const files = [Priority.Background, Priority.Interactive, Priority.Record].map(holder);
    const seen = files.map((file) => {
      priorities.open(file);
      return priorities.max;
    });
    expect(seen).toEqual([Priority.Background, Priority.Interactive, Priority.Record]);
    for (const file of files.reverse()) priorities.close(file);
    expect(priorities.max).toBe(Priority.Unset);
  });

  it("a file that changes its own is counted once", () => {
    const priorities = new Priorities();
    const file = holder(Priority.Interactive);
    priorities.open(file);
    priorities.change(file, Priority.Record);
    priorities.change(file, Priority.Record);
    expect([file.priority, priorities.max]).toEqual([Priority.Record, Priority.Record]);
    priorities.change(file, Priority.Background);
    expect([file.priority, priorities.max]).toEqual([Priority.Background, Priority.Background]);
    priorities.close(file);
    expect(priorities.max).toBe(Priority.Unset);
  });

  it("those with less may not change the device: EBUSY", async () => {
    const priorities = new Priorities();
    const [low, high] = [holder(Priority.Interactive), holder(Priority.Record)];
    priorities.open(low);
    priorities.check(low);
    priorities.open(high);
    expect([priorities.allows(low), priorities.allows(high)]).toEqual([false, true]);
    expect(
      await errnoOf(() => {
        priorities.check(low);
      }),
    ).toBe("EBUSY");
    priorities.close(high);
    expect(priorities.allows(low)).toBe(true);
  });
});
