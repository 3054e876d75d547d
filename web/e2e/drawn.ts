// Cameras, voices and screens that are drawn, for pictures of the product: a picture of nobody belongs in a repository.
// Each function runs in the page, before anything of ours.

export interface Look {
  wall: string;
  shirt: string;
  hair: string;
  skin: string;
}

/** Everybody who sits before a drawn camera. */
export const LOOKS = {
  miriam: { wall: "#cfdcda", shirt: "#27706f", hair: "#5b3a29", skin: "#e3b08a" },
  olena: { wall: "#ecdcc9", shirt: "#b0603a", hair: "#a8763a", skin: "#ecc6a0" },
  kwame: { wall: "#d3dbc9", shirt: "#c9982f", hair: "#221815", skin: "#7a4b34" },
} as const satisfies Record<string, Look>;

/** A camera that shows a drawn person before a window's light. */
export function drawnCamera(look: Look): void {
  const devices = navigator.mediaDevices;
  const real = devices.getUserMedia.bind(devices);
  devices.getUserMedia = async (constraints) => {
    if (!constraints?.video) return real(constraints);
    const canvas = document.createElement("canvas");
    canvas.width = 640;
    canvas.height = 360;
    const draw = canvas.getContext("2d") as CanvasRenderingContext2D;
    const oval = (x: number, y: number, w: number, h: number, colour: string) => {
      draw.fillStyle = colour;
      draw.beginPath();
      draw.ellipse(x, y, w, h, 0, 0, 2 * Math.PI);
      draw.fill();
    };
    let step = 0;
    const paint = () => {
      const nod = Math.sin(step++ / 8) * 3;
      draw.fillStyle = look.wall;
      draw.fillRect(0, 0, 640, 360);
      draw.fillStyle = "rgb(255 255 255 / .28)";
      for (const x of [40, 190]) {
        draw.beginPath();
        draw.moveTo(x, 0);
        draw.lineTo(x + 90, 0);
        draw.lineTo(x + 210, 360);
        draw.lineTo(x + 120, 360);
        draw.fill();
      }
      oval(320, 165 + nod, 92, 118, look.hair);
      oval(320, 390, 190, 130, look.shirt);
      oval(320, 262, 34, 50, look.skin);
      oval(320, 175 + nod, 66, 82, look.skin);
      oval(320, 112 + nod, 80, 46, look.hair);
      oval(296, 178 + nod, 5, 6, "#2a1a12");
      oval(344, 178 + nod, 5, 6, "#2a1a12");
      draw.strokeStyle = "#5a2a1c";
      draw.lineWidth = 4;
      draw.beginPath();
      draw.arc(320, 200 + nod, 22, 0.25 * Math.PI, 0.75 * Math.PI);
      draw.stroke();
    };
    setInterval(paint, 100);
    paint();
    return canvas.captureStream(10);
  };
}

/** A screen that shows a slide. */
export function drawnScreen(): void {
  navigator.mediaDevices.getDisplayMedia = async () => {
    const canvas = document.createElement("canvas");
    canvas.width = 1280;
    canvas.height = 720;
    const draw = canvas.getContext("2d") as CanvasRenderingContext2D;
    const paint = () => {
      draw.fillStyle = "#ffffff";
      draw.fillRect(0, 0, 1280, 720);
      draw.fillStyle = "#16231e";
      draw.font = "650 54px 'Atkinson Hyperlegible Next Variable'";
      draw.fillText("Was hilft, damit alle dabei sind?", 90, 130);
      draw.font = "600 34px 'Atkinson Hyperlegible Next Variable'";
      for (const [n, word] of ["Ein Gerät", "Ein Mensch", "Einfache Worte"].entries()) {
        draw.fillStyle = "#f3f3ec";
        draw.fillRect(90 + n * 375, 200, 345, 380);
        draw.fillStyle = "#16231e";
        draw.fillText(word, 120 + n * 375, 400);
      }
    };
    setInterval(paint, 200);
    paint();
    return canvas.captureStream(5);
  };
}

/** Devices that the browser refuses or does not find. */
export function missingDevices(missing: { camera?: string; microphone?: string }): void {
  const devices = navigator.mediaDevices;
  const real = devices.getUserMedia.bind(devices);
  devices.getUserMedia = async (constraints) => {
    const reason = constraints?.video ? missing.camera : missing.microphone;
    if (reason) throw new DOMException("", reason);
    return real(constraints);
  };
}
