/** The sound of being paid: two notes, made here, so that nothing has to be loaded. */

let context = null;

/** To be called from something that somebody pressed: before that browsers keep a page silent. */
export function wake() {
  context ??= new AudioContext();
  context.resume().catch(() => {});
}

export function chime() {
  if (context?.state !== "running") return;
  [[880, 0], [1318.5, 0.14]].forEach(([pitch, after]) => {
    const begin = context.currentTime + after;
    const sound = new OscillatorNode(context, { frequency: pitch, type: "sine" });
    const volume = new GainNode(context, { gain: 0 });
    volume.gain.linearRampToValueAtTime(0.5, begin + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.001, begin + 0.5);
    sound.connect(volume).connect(context.destination);
    sound.start(begin);
    sound.stop(begin + 0.5);
  });
  document.documentElement.dataset.chimes = String(Number(document.documentElement.dataset.chimes ?? 0) + 1);
}
