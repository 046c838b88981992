"""Of what morphs are made: when a picture is due, and how it is laid over the frame."""
