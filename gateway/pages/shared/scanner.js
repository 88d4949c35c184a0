/** Reading a QR code with the camera. The decoder is loaded with the camera, not before. */

import { h } from "./dom.js";

const SIDE = 640;
const PAUSE = 120;

/**
 * A camera that calls `read(text)` once for the first code it sees. Returns {element, stop, ready}: `ready` rejects
 * when there is no camera or it may not be used.
 */
export function scanner(read, label) {
  const video = h("video", { playsinline: true, muted: true, "aria-label": label });
  video.muted = true;
  const element = h("div", { class: "camera" }, video);
  let stream = null;
  let over = false;
  const stop = () => {
    over = true;
    for (const track of stream?.getTracks() ?? []) track.stop();
  };
  const ready = (async () => {
    const [{ default: decodeQR }, camera] = await Promise.all([
      import("../vendor/qr/decode.js"),
      navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: { ideal: 1280 } }, audio: false }),
    ]);
    stream = camera;
    if (over) return stop();
    video.srcObject = camera;
    await video.play();
    look(video, decodeQR, () => over, (text) => {
      stop();
      read(text);
    });
    return undefined;
  })();
  return { element, stop, ready };
}

function look(video, decodeQR, isOver, found) {
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const once = () => {
    if (isOver()) return;
    const scale = Math.min(1, SIDE / Math.min(video.videoWidth || SIDE, video.videoHeight || SIDE));
    canvas.width = Math.round(video.videoWidth * scale);
    canvas.height = Math.round(video.videoHeight * scale);
    if (canvas.width && canvas.height) {
      context.drawImage(video, 0, 0, canvas.width, canvas.height);
      const text = decoded(decodeQR, context.getImageData(0, 0, canvas.width, canvas.height));
      if (text) return found(text);
    }
    setTimeout(once, PAUSE);
  };
  once();
}

/** The text of a code in a picture; null when there is none that can be read. */
export function decoded(decodeQR, { data, width, height }) {
  try {
    return decodeQR({ data, width, height });
  } catch {
    return null; // no code in this picture: the next one may have it
  }
}
