/** Controls as widgets. Where the page may only look, they cannot be moved. */
import { useRef, useState } from "preact/hooks";
import type { ShownControl } from "../../src/watch/protocol.js";
import { changeControl } from "./connection.js";

interface ControlsProps {
  readonly device: string;
  readonly file?: string | undefined;
  readonly controls: readonly ShownControl[];
  readonly mayControl: boolean;
}

/** A slider that is being moved sends so often at the most. */
const SEND_MS = 60;

export function Controls({ device, file, controls, mayControl }: ControlsProps) {
  const [refusal, setRefusal] = useState("");
  const pending = useRef<{ id: number; value: number } | undefined>(undefined);
  const busy = useRef(false);
  const send = async (id: number, value: number): Promise<void> => {
    pending.current = { id, value };
    if (busy.current) return;
    busy.current = true;
    while (pending.current !== undefined) {
      const next: { id: number; value: number } = pending.current;
      pending.current = undefined;
      setRefusal((await changeControl({ device, file, ...next })) ?? "");
      await new Promise((resolve) => setTimeout(resolve, SEND_MS));
    }
    busy.current = false;
  };
  const shown = controls.filter(({ type }) => type !== "other");
  const compound = controls.length - shown.length;
  return (
    <div class="controls">
      {shown.map((control) =>
        control.type === "class" ? (
          <h3 key={control.id}>{control.name}</h3>
        ) : (
          <Widget
            key={control.id}
            id={`${device}-${file ?? ""}-${control.id}`}
            control={control}
            isDisabled={!mayControl || control.isReadOnly || control.isGrabbed}
            set={(value) => void send(control.id, value)}
          />
        ),
      )}
      {compound > 0 && <p class="quiet">and {compound} that no widget shows (compound, text)</p>}
      <p class="refusal" role="status">
        {refusal}
      </p>
    </div>
  );
}

interface WidgetProps {
  readonly id: string;
  readonly control: ShownControl;
  readonly isDisabled: boolean;
  readonly set: (value: number) => void;
}

function Widget({ id, control, isDisabled, set }: WidgetProps) {
  const { name, type, minimum, maximum, step, items = [] } = control;
  // While it is moved, the widget is ahead of what the driver last told.
  const [own, setOwn] = useState<number | undefined>(undefined);
  const value = own ?? control.value ?? control.defaultValue;
  const change = (to: number): void => {
    setOwn(to);
    set(to);
  };
  const settle = (): void => {
    setTimeout(() => setOwn(undefined), 800);
  };
  const common = { id, disabled: isDisabled };
  return (
    <div class={`control ${control.isInactive ? "inactive" : ""}`}>
      <label for={id}>{name}</label>
      {type === "integer" && (
        <>
          <input
            {...common}
            type="range"
            min={minimum}
            max={maximum}
            step={step}
            value={value}
            onInput={(event) => change(Number(event.currentTarget.value))}
            onChange={settle}
          />
          <output for={id}>{value}</output>
        </>
      )}
      {type === "boolean" && (
        <input
          {...common}
          type="checkbox"
          checked={value !== 0}
          onChange={(event) => {
            change(event.currentTarget.checked ? 1 : 0);
            settle();
          }}
        />
      )}
      {type === "menu" && (
        <select
          {...common}
          value={value}
          onChange={(event) => {
            change(Number(event.currentTarget.value));
            settle();
          }}
        >
          {items.map(({ index, name: item }) => (
            <option key={index} value={index}>
              {item}
            </option>
          ))}
        </select>
      )}
      {type === "button" && (
        <button {...common} onClick={() => set(1)}>
          {name}
        </button>
      )}
      {type === "bitmask" && <output>0x{(value >>> 0).toString(16)}</output>}
    </div>
  );
}
