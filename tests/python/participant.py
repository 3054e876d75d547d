"""An independent participant: joins a room of Werkraum by docs/protocol.md alone, with aiortc instead of a browser.

Goes in as a guest by an invitation link (and through the lobby, when there is one), negotiates, sends a tone of its own
frequency and a moving picture, and receives somebody else's. Prints `name=value` lines as it gets on; the exit code
is 0 when all that was asked for came. Called by `cargo xtask prove aiortc`; knows nothing of the server's code.
"""

import argparse
import asyncio
import fractions
import json
import ssl
import sys
import time
import urllib.parse

import aiohttp
import numpy
from aiortc import RTCBundlePolicy, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, MediaStreamError, VideoStreamTrack
from av import AudioFrame, VideoFrame

PROTOCOL = 1
SAMPLE_RATE = 48_000
SLOTS = 3


def figure(name, value):
    print(f"{name}={value}", flush=True)


class Tone(AudioStreamTrack):
    """A sine of one frequency, 20 ms a frame."""

    def __init__(self, hertz):
        super().__init__()
        self.hertz, self.position, self.start = hertz, 0, None

    async def recv(self):
        count = SAMPLE_RATE // 50
        self.start = self.start or time.monotonic()
        await asyncio.sleep(max(0.0, self.start + self.position / SAMPLE_RATE - time.monotonic()))
        at = (self.position + numpy.arange(count)) / SAMPLE_RATE
        wave = (9_000 * numpy.sin(2 * numpy.pi * self.hertz * at)).astype(numpy.int16)
        frame = AudioFrame.from_ndarray(wave.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts = SAMPLE_RATE, self.position
        frame.time_base = fractions.Fraction(1, SAMPLE_RATE)
        self.position += count
        return frame


class Moving(VideoStreamTrack):
    """A bright square that moves over a dark ground, ten pictures a second."""

    def __init__(self):
        super().__init__()
        self.number, self.start = 0, None

    async def recv(self):
        self.start = self.start or time.monotonic()
        await asyncio.sleep(max(0.0, self.start + self.number / 10 - time.monotonic()))
        picture = numpy.full((120, 160, 3), 40, numpy.uint8)
        left = 8 * self.number % 140
        picture[40:60, left : left + 20] = 230
        frame = VideoFrame.from_ndarray(picture, format="rgb24")
        frame.pts, frame.time_base = self.number * 9_000, fractions.Fraction(1, 90_000)
        self.number += 1
        return frame


class Ears:
    """What came from one person's microphone."""

    def __init__(self):
        self.frames, self.samples = 0, numpy.zeros(0)

    def take(self, frame):
        channels = len(frame.layout.channels)
        samples = frame.to_ndarray().reshape(-1).astype(numpy.float64)[::channels]
        self.frames += 1
        self.samples = numpy.concatenate([self.samples, samples])[-SAMPLE_RATE:]

    def hertz(self):
        """The strongest frequency of the last second; 0 for silence."""
        if len(self.samples) < SAMPLE_RATE or numpy.abs(self.samples).max() < 500:
            return 0
        spectrum = numpy.abs(numpy.fft.rfft(self.samples * numpy.hanning(len(self.samples))))
        return int(numpy.argmax(spectrum))


class Eyes:
    """What came from one person's camera."""

    def __init__(self):
        self.frames, self.moved, self.last = 0, 0, None

    def take(self, frame):
        grey = frame.to_ndarray(format="gray").astype(numpy.int16)
        self.frames += 1
        if self.last is not None and self.last.shape == grey.shape and numpy.abs(grey - self.last).max() > 60:
            self.moved += 1
        self.last = grey


class Participant:
    def __init__(self, arguments):
        self.arguments = arguments
        link = urllib.parse.urlsplit(arguments.link)
        self.origin = f"{link.scheme}://{link.netloc}"
        self.secret = link.fragment
        self.me, self.people, self.slots = None, {}, {}
        self.answers, self.next_id = {}, 1
        self.ears = {slot: Ears() for slot in range(SLOTS)}
        self.eyes = {slot: Eyes() for slot in range(SLOTS)}
        self.welcomed, self.ended = asyncio.Event(), asyncio.Event()
        self.wished = set()

    # 1. Joining

    async def run(self):
        trusted = ssl.create_default_context(cafile=self.arguments.ca)
        jar = aiohttp.CookieJar(unsafe=True)  # cookies of hosts that are an address
        connector = aiohttp.TCPConnector(ssl=trusted)
        async with aiohttp.ClientSession(connector=connector, cookie_jar=jar, headers={"Origin": self.origin}) as http:
            entrance = await self.post(http, "/api/v1/join/look", {"secret": self.secret})
            figure("lobby", int(entrance["lobby"]))
            joined = await self.post(
                http, "/api/v1/join", {"secret": self.secret, "name": self.arguments.name}
            )
            self.me = joined["participant"]
            figure("participant", self.me)
            socket_url = self.origin.replace("http", "ws", 1) + "/api/v1/socket"
            async with http.ws_connect(socket_url) as self.socket:
                await self.send({"type": "hello", "ticket": joined["ticket"], "protocol": PROTOCOL})
                reading = asyncio.create_task(self.read())
                try:
                    return await self.take_part()
                finally:
                    reading.cancel()

    async def post(self, http, path, body):
        async with http.post(self.origin + path, json=body) as response:
            text = await response.text()
            if response.status >= 300:
                raise RuntimeError(f"POST {path}: {response.status} {text}")
            return json.loads(text)

    # 2. The room's websocket

    async def send(self, message):
        await self.socket.send_str(json.dumps(message))

    async def ask(self, message):
        """Sends something that has an id and waits for its answer."""
        number, self.next_id = self.next_id, self.next_id + 1
        self.answers[number] = asyncio.get_running_loop().create_future()
        await self.send({**message, "id": number})
        answer = await asyncio.wait_for(self.answers[number], 15)
        if answer["type"] == "refused":
            raise RuntimeError(f"refused: {answer['code']}")
        return answer

    async def command(self, name, **fields):
        return await self.ask({"type": "command", "command": {"name": name, **fields}})

    async def read(self):
        async for frame in self.socket:
            if frame.type != aiohttp.WSMsgType.TEXT:
                continue
            message = json.loads(frame.data)
            kind = message["type"]
            if kind == "waiting":
                figure("waiting", 1)
            elif kind == "welcome":
                self.people = {person["id"]: person for person in message["people"]}
                self.welcomed.set()
            elif kind in ("done", "refused", "answer") and message.get("id") in self.answers:
                waiting = self.answers.pop(message["id"])
                if not waiting.done():
                    waiting.set_result(message)
            elif kind == "bye":
                figure("bye", message["code"])
            elif kind == "event":
                await self.event(message["event"])
        self.ended.set()

    async def event(self, event):
        if event["name"] == "person":
            self.people[event["person"]["id"]] = event["person"]
        elif event["name"] == "left":
            self.people.pop(event["participant"], None)
        elif event["name"] == "slots":
            for content in event["slots"]:
                self.slots[content["slot"]] = content

    # 3. Media

    async def take_part(self):
        await asyncio.wait_for(self.welcomed.wait(), 60)
        # No STUN server: the candidates are in the answer, in its first section. (Where several sections share a transport
        # before the answer, aiortc 1.16 looks for them in the last of those; so each begins with one of its own.)
        pc = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_COMPAT))
        pc.addTransceiver(Tone(self.arguments.hertz), direction="sendonly")
        pc.addTransceiver(Moving(), direction="sendonly")
        for _ in range(SLOTS):
            pc.addTransceiver("audio", direction="recvonly")
            pc.addTransceiver("video", direction="recvonly")
        await pc.setLocalDescription(await pc.createOffer())
        microphone, camera, *receiving = pc.getTransceivers()
        pairs = [(receiving[2 * slot], receiving[2 * slot + 1]) for slot in range(SLOTS)]
        answer = await self.ask(
            {
                "type": "offer",
                "sdp": pc.localDescription.sdp,
                "publish": [
                    {"mid": microphone.mid, "source": "microphone"},
                    {"mid": camera.mid, "source": "camera"},
                ],
                "slots": [
                    {"slot": slot, "audio": audio.mid, "video": video.mid} for slot, (audio, video) in enumerate(pairs)
                ],
            }
        )
        await pc.setRemoteDescription(RTCSessionDescription(sdp=answer["sdp"], type="answer"))
        tasks = [asyncio.create_task(self.watch())]
        for slot, (audio, video) in enumerate(pairs):
            tasks.append(asyncio.create_task(self.receive(audio.receiver.track, self.ears[slot])))
            tasks.append(asyncio.create_task(self.receive(video.receiver.track, self.eyes[slot])))
        await self.command("source", source="microphone", on=True)
        await self.command("source", source="camera", on=True)
        try:
            return await self.wait(pc)
        finally:
            for task in tasks:
                task.cancel()
            try:
                await self.command("leave")
            except (RuntimeError, ConnectionError, TimeoutError):
                pass
            await pc.close()

    async def watch(self):
        """Wishes for the cameras of those who are there, in the order of their ids."""
        while True:
            others = sorted(other for other in self.people if other != self.me)[:SLOTS]
            if set(others) != self.wished and others:
                self.wished = set(others)
                wishes = [
                    {"slot": slot, "participant": other, "source": "camera", "height_px": 180}
                    for slot, other in enumerate(others)
                ]
                await self.send({"type": "subscribe", "slots": wishes})
            await asyncio.sleep(0.2)

    async def receive(self, track, sense):
        while True:
            try:
                sense.take(await track.recv())
            except MediaStreamError:
                return

    def came(self, hertz):
        """The slot in which somebody with this tone is heard and seen."""
        for slot in range(SLOTS):
            near = abs(self.ears[slot].hertz() - hertz) <= 3
            if near and self.eyes[slot].frames >= 20 and self.eyes[slot].moved >= 5:
                return slot
        return None

    async def wait(self, pc):
        expected = [int(text) for text in self.arguments.expect.split(",") if text]
        until = time.monotonic() + self.arguments.patience
        connected = False
        while time.monotonic() < until and not self.ended.is_set():
            if not connected and pc.connectionState == "connected":
                connected = True
                figure("connected", 1)
            if connected and all(self.came(hertz) is not None for hertz in expected):
                break
            await asyncio.sleep(0.5)
        missing = 0
        for hertz in expected:
            slot = self.came(hertz)
            missing += slot is None
            if slot is not None:
                figure(f"tone_{hertz}_heard_hz", self.ears[slot].hertz())
                figure(f"tone_{hertz}_audio_frames", self.ears[slot].frames)
                figure(f"tone_{hertz}_pictures", self.eyes[slot].frames)
                figure(f"tone_{hertz}_pictures_moved", self.eyes[slot].moved)
        if missing:
            for slot in range(SLOTS):
                ears, eyes = self.ears[slot], self.eyes[slot]
                print(
                    f"slot {slot}: {ears.frames} audio frames, {ears.hertz()} Hz, {eyes.frames} pictures,"
                    f" {eyes.moved} moved, {self.slots.get(slot)}",
                    file=sys.stderr,
                )
        figure("missing", missing)
        # Others want to hear and see this one too: stays until it is told to go.
        figure("satisfied", int(missing == 0 and connected))
        if missing == 0:
            await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
        return 0 if missing == 0 and connected else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--link", required=True, help="the invitation link")
    parser.add_argument("--ca", help="the server's authority (PEM)")
    parser.add_argument("--name", default="Aiko")
    parser.add_argument("--hertz", type=int, default=660, help="the tone that is sent")
    parser.add_argument("--expect", default="", help="tones to be heard from others, with a moving picture each")
    parser.add_argument("--patience", type=float, default=60)
    arguments = parser.parse_args()
    sys.exit(asyncio.run(Participant(arguments).run()))


if __name__ == "__main__":
    main()
