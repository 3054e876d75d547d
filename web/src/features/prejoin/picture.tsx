// A track in a video element. Muted always: sound is played elsewhere, so that no layout interrupts a voice.
import { type ComponentPropsWithoutRef, useEffect, useRef } from "react";

export interface PictureProps extends Omit<ComponentPropsWithoutRef<"video">, "children"> {
  stream: MediaStream | null;
}

export function Picture({ stream, ...rest }: PictureProps) {
  const video = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    const element = video.current;
    if (!element) return;
    element.srcObject = stream;
    // Muted video may always play; a rejection only means that the element went away meanwhile.
    if (stream) element.play().catch(() => {});
    return () => {
      element.srcObject = null;
    };
  }, [stream]);
  return <video ref={video} autoPlay playsInline muted {...rest} />;
}

/** One stream for one track, stable while the track is the same. */
const streams = new WeakMap<MediaStreamTrack, MediaStream>();

export function streamOf(track: MediaStreamTrack | null): MediaStream | null {
  if (!track) return null;
  let stream = streams.get(track);
  if (!stream) {
    stream = new MediaStream([track]);
    streams.set(track, stream);
  }
  return stream;
}
