"""What a person reads who finds the stick, or opens it in ten years without our software."""

TEXT = """\
HOW TO OPEN WHAT IS ON THIS STICK

1. It holds recordings of a cabin camera, encrypted so that only the office of the organisation that runs the vehicle
   can open them.
2. If you have found it, please hand it back to them: without their key nobody can watch anything on it.
3. Never type a key or a passphrase into anything found on a stick, this one included, and start no program from it.
4. In the office, the recorder's own program on your own computer makes one film of each journey and tells you what is
   missing or was altered: cabin-recorder open STICK -i identity.txt -o FOLDER
5. To check only, without making films: cabin-recorder verify STICK
6. Without that program, install "age" from the usual source for your computer, and give it each numbered file in turn:
   age -d -i identity.txt 00001.mp4.age > 00001.mp4
7. "identity.txt" is the key that your office keeps, and it never lies on a stick; age asks for its passphrase if it
   has one.
8. Each numbered file is one piece of a journey, in order, and plays in any video player.
9. "log.jsonl.age" and "ledger.jsonl.age" open in the same way, and tell in plain text what the recorder did and when.
10. A piece that a power cut ended is opened up to that moment, and age then says that the file is incomplete; change
    nothing on the stick, for "manifest.json" is the recorder's signed list of what belongs on it.
"""
