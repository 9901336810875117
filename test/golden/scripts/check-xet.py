# python check-xet.py: has Hugging Face's own client send a model to the hub of the tests and fetch what cram pushed there, both by Xet, so
# that the hub speaks as theirs does. Needs the packages huggingface_hub 1.33 and hf_xet 1.6, and a build. Run by hand; nothing leaves
# this machine.

import json
import os
import random
import subprocess
import tempfile

root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../..")
token = "hf_secretSecret"
serve = "import('./dist/test/hub/model-hub.js').then(async m => console.log((await m.serveModels(process.argv[1])).endpoint))"
server = subprocess.Popen(["node", "-e", serve, token], cwd=root, stdout=subprocess.PIPE, text=True)
try:
    endpoint = server.stdout.readline().strip()
    folder = tempfile.mkdtemp()
    os.environ |= {"HF_ENDPOINT": endpoint, "HF_TOKEN": token, "HF_HOME": os.path.join(folder, "home")}
    from huggingface_hub import HfApi, hf_hub_download

    def cram(*words):
        main = os.path.join(root, "dist/src/cli/main.js")
        answer = subprocess.run(["node", main, *words, "--json"], check=True, capture_output=True, text=True)
        return json.loads(answer.stdout)

    source, pulled = os.path.join(folder, "source"), os.path.join(folder, "pulled")
    os.makedirs(source)
    noise = random.Random(1)
    files = {"config.json": b"{}\n", "model.safetensors": noise.randbytes(3_000_000) + bytes(500_000)}
    files["model.onnx"] = files["model.safetensors"][:1_000_000] + noise.randbytes(70_000)
    for name, content in files.items():
        with open(os.path.join(source, name), "wb") as file:
            file.write(content)

    def same(path, name):
        with open(path, "rb") as file:
            assert file.read() == files[name], name

    api = HfApi()
    api.create_repo("me/mine", exist_ok=True)
    api.upload_folder(repo_id="me/mine", folder_path=source)
    cram("pull", "me/mine", "--out", pulled)
    for name in files:
        same(os.path.join(pulled, name), name)
    print("cram pulled what Python sent")

    cram("push", source, "me/other")
    for name in files:
        same(hf_hub_download("me/other", name), name)
    print("Python fetched what cram pushed")
finally:
    server.kill()
