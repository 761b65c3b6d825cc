"""camera-page.py BROWSER [OPTION...]: starts a browser on a page that shows the camera, and prints the colour in the middle of
its tenth picture: "red green blue"; or what went wrong."""
import http.server
import subprocess
import sys
import threading

PAGE = b"""<!doctype html><video muted playsinline></video><script>
const tell = (text) => fetch("/told", { method: "POST", body: text });
const show = async () => {
  const stream = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 480 } });
  const video = document.querySelector("video");
  video.srcObject = stream;
  await video.play();
  for (let count = 0; count < 10; count++) await new Promise((next) => video.requestVideoFrameCallback(next));
  const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
  const drawing = canvas.getContext("2d");
  drawing.drawImage(video, 0, 0);
  return drawing.getImageData(canvas.width / 2, canvas.height / 2, 1, 1).data.slice(0, 3).join(" ");
};
show().then(tell, (error) => tell(`${error.name}: ${error.message}`));
</script>"""

told = threading.Event()
text = "the page told nothing"


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(PAGE)

    def do_POST(self):
        global text
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.send_response(204)
        self.end_headers()
        told.set()


# A page of this machine's own may ask for the camera.
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
threading.Thread(target=server.serve_forever, daemon=True).start()
browser = subprocess.Popen([*sys.argv[1:], f"http://127.0.0.1:{server.server_port}/"])
told.wait(100)
browser.terminate()
browser.wait(10)
print(text)
