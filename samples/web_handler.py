"""An effect in a web server of several threads: python samples/web_handler.py [PORT]; then
curl --data-binary @samples/stills/sign.webp http://127.0.0.1:8000/ > sign-x2.png"""

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np

import gancam

effect = gancam.load("sr-x2")  # one for all requests: it holds the network once, and calls queue


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(min(int(self.headers.get("Content-Length", 0)), 20_000_000))
        image = cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_COLOR) if body else None
        if image is None or image.size > 3 * 1920 * 1080:
            self.send_error(400, "send an image of at most 1920x1080 pixels")
            return
        out = effect(image)  # ours alone
        data = cv2.imencode(".png", out)[1].tobytes()
        self.send_response(200)
        self.send_header("Content-Type", "image/png")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 8000), Handler)
    print(f"http://127.0.0.1:{server.server_port}/", flush=True)
    server.serve_forever()
