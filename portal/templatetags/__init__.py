"""What templates may say: `{% load components %}`."""
