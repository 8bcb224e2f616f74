//! Text to token ids and back: BPE and SentencePiece vocabularies, chat templates, a streaming detokeniser
