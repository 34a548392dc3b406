"""Opens TensorBoard over every run of runs/, on localhost.

python tensorboard_run.py                opens the browser too
python tensorboard_run.py --no-browser   only prints the address
"""

import time
import webbrowser

from mnist_mlp.console.command_line import ArgumentParser, console
from mnist_mlp.console.tensorboard_server import start_tensorboard

PORT = 6006


def parse_arguments():
    parser = ArgumentParser("Opens TensorBoard over every run.")
    parser.add_argument("--port", type=int, default=PORT, help=f"the next free one where it is taken (default: {PORT})")
    parser.add_argument("--host", default="localhost", help="listen on another address, such as 0.0.0.0 for all")
    parser.add_argument("--no-browser", action="store_true", help="do not open the browser")
    parser.add_folder("--runs-dir", "runs", "the folder of the runs")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    terminal = console()
    with terminal.status("Starting TensorBoard"):
        address, port = start_tensorboard(arguments.runs_dir, arguments.host, arguments.port)
    if port != arguments.port:
        terminal.print(f"Port {arguments.port} is taken by another program; port {port} is free.")
    if arguments.host != "localhost":
        terminal.print(f"Warning: whoever reaches {arguments.host} can see all runs; TensorBoard asks for no password.")
    terminal.print(f"TensorBoard is at [bold]{address}[/bold] (Ctrl-C ends it).")
    if not arguments.no_browser:
        webbrowser.open(address)
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        terminal.print()


if __name__ == "__main__":
    main()
