import os

KEY, MODE = os.environ["SECRET_KEY"], os.environ["MODE"]
